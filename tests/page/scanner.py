"""What a phone's camera reads from a window."""

import base64

import zxingcpp
from playwright.async_api import Locator

GREYS = """async (element, png) => {
    const bytes = Uint8Array.from(atob(png), (character) => character.charCodeAt())
    const image = await createImageBitmap(new Blob([bytes]))
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d")
    canvas.drawImage(image, 0, 0)
    const { data } = canvas.getImageData(0, 0, image.width, image.height)
    let greys = ""
    for (let i = 0; i < data.length; i += 4) greys += String.fromCharCode((data[i] + data[i + 1] + data[i + 2]) / 3)
    return [btoa(greys), image.height, image.width]
}"""


LOOKS = 20
"""How often the camera looks: a picture may be taken before the code is drawn."""


async def scan(element: Locator) -> list[str]:
    """The texts of the QR codes in the element as it is drawn; a code in inverted colours is not read."""
    for _ in range(LOOKS):
        picture = base64.b64encode(await element.screenshot()).decode()
        greys, height, width = await element.evaluate(GREYS, picture)
        image = memoryview(base64.b64decode(greys)).cast("B", [height, width])
        if found := [code.text for code in zxingcpp.read_barcodes(image, try_invert=False)]:
            return found
        await element.page.evaluate("() => new Promise(requestAnimationFrame)")
    return []
