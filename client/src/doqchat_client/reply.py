"""One of the model's replies while it grows."""


class Reply:
    """A reply and what it has said so far: it grows while it is under way, and says at its end how it ended.

    Attributes:
        reply_id, request_id: its name, and the request it answers.
        attempt: which attempt of the workers its text is from, from 1.
        state: `waiting`, `streaming`, or how it ended: a `finish_reason`, or `failed`.
    """

    def __init__(self, reply_id: str, request_id: str) -> None:
        self.reply_id = reply_id
        self.request_id = request_id
        self.attempt = 1
        self.state = "waiting"
        self._parts: list[str] = []
        self._length = 0
        self._early: list[tuple[int, str]] = []

    @property
    def text(self) -> str:
        """What was said from the beginning up to here, without a hole."""
        self._parts = ["".join(self._parts)]
        return self._parts[0]

    @property
    def torn(self) -> bool:
        """Whether a piece is missing before one that has come."""
        return bool(self._early)

    def add(self, attempt: int, offset: int, text: str) -> None:
        """Take a piece; one that comes too early is kept until what is missing before it has come."""
        if attempt < self.attempt:
            return
        if attempt > self.attempt:
            self._begin(attempt, "waiting", "")
        if text:  # an empty piece says that a reply will come
            self.state = "streaming"
        if offset > self._length:
            self._early.append((offset, text))
        elif fresh := text[self._length - offset :]:
            self._parts.append(fresh)
            self._length += len(fresh)
            self._add_again(self._early)

    def catch_up(self, attempt: int, state: str, text: str) -> None:
        """Take what a welcome says, which may have been written before some of the pieces that have come."""
        if attempt < self.attempt or (attempt == self.attempt and self.text.startswith(text)):
            return
        early = self._early if attempt == self.attempt else []
        self._begin(attempt, state, text)
        self._add_again(early)

    def end(self, state: str, text: str) -> None:
        """Take how it ended, and all that it said."""
        self._begin(self.attempt, state, text)

    def _begin(self, attempt: int, state: str, text: str) -> None:
        self.attempt = attempt
        self.state = state
        self._parts = [text]
        self._length = len(text)  # offsets count code points, as Python's strings do
        self._early = []

    def _add_again(self, early: list[tuple[int, str]]) -> None:
        self._early = []
        for offset, text in sorted(early):
            self.add(self.attempt, offset, text)
