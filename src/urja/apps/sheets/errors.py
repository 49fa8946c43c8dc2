"""Why an upload is not stored."""


class UploadError(Exception):
    """A file or request that is not stored, with a sentence for the page."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
