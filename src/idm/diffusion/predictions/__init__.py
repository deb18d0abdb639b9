"""What a network's first head can mean."""

from idm.diffusion.predictions.base import Prediction
from idm.diffusion.predictions.epsilon import Epsilon
from idm.diffusion.predictions.previous_x import PreviousX
from idm.diffusion.predictions.start_x import StartX
from idm.diffusion.predictions.v import V

__all__ = ["Epsilon", "Prediction", "PreviousX", "StartX", "V"]
