from lungcam.api import Candidate as Candidate
from lungcam.api import CTScan as CTScan
from lungcam.api import Prediction as Prediction
from lungcam.api import Run as Run
from lungcam.api import TrainedNet as TrainedNet
from lungcam.api import load as load
from lungcam.api import read_scan as read_scan
from lungcam.cli.from_python import train as train

__version__: str
RESEARCH_USE_ONLY: str
