"""The package's exceptions.

::

    SupportIntentError
    ├── InputError            (ValueError)  messages or options that can't be used
    │   ├── MessageTypeError  (TypeError)   something that is not a text stands among the messages
    │   ├── FileFormatError                 a message file that can't be read as one
    │   └── ColumnError                     a column that the file does not have
    ├── OutputError           (OSError)     a result that can't be written
    ├── DatasetError          (ValueError)  labelled messages that can't be learned from
    ├── TaxonomyError         (ValueError)  a taxonomy, channel list or decision table that contradicts itself
    ├── ResourceError                       packaged data that is missing or of another schema
    └── ModelFileError                      a file that is no model, or a damaged one

Every message says what was expected, what was found, where, and what to do.
"""


class SupportIntentError(Exception):
    """The root of the tree: catch this to catch all that the package raises on purpose."""


class InputError(SupportIntentError, ValueError):
    """Messages or options that can't be used."""


class MessageTypeError(InputError, TypeError):
    """Something that is not a text stands among the messages."""


class FileFormatError(InputError):
    """A message file that can't be read as one."""


class ColumnError(InputError):
    """A column that the file does not have."""


class OutputError(SupportIntentError, OSError):
    """A result that can't be written."""


class DatasetError(SupportIntentError, ValueError):
    """Labelled messages that can't be learned from."""


class TaxonomyError(SupportIntentError, ValueError):
    """A taxonomy, channel list or decision table that contradicts itself."""


class ResourceError(SupportIntentError):
    """Packaged data that is missing or of another schema."""


class ModelFileError(SupportIntentError):
    """A file that is no model, or a damaged one."""
