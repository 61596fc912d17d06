"""Python's garbage collector."""

import gc


def freeze_loaded_objects() -> None:
    """Exclude all objects that exist now from further collections. Call it before a process starts to serve.

    Django, the apps and their libraries are about 300,000 objects that live as long as the process. A batch that
    creates thousands of objects triggers full collections, and each would scan all of them: that was half of the time
    of counting events.
    """
    gc.collect()
    gc.freeze()
