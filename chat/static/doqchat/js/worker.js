// A service worker that shows notifications, because browsers on phones show none from a page. It caches nothing and
// answers no requests.

addEventListener("notificationclick", (event) => {
  event.notification.close()
  event.waitUntil(show(event.notification.data.room))
})

// Focus the window of the room, or open one.
async function show(room) {
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true })
  const known = windows.find(({ url }) => url.split("#")[0] === room)
  return known ? known.focus() : clients.openWindow(room)
}
