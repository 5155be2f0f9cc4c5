from p2m.api import load as load
from p2m.api import open_bundle as open_bundle

__version__: str
