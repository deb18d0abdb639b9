"""What a network's first head can mean."""

from idm.diffusion.predictions.base import Prediction
from idm.diffusion.predictions.epsilon import Epsilon
from idm.diffusion.predictions.preconditioned import Preconditioned
from idm.diffusion.predictions.previous_x import PreviousX
from idm.diffusion.predictions.start_x import StartX
from idm.diffusion.predictions.v import V
from idm.diffusion.predictions.velocity import Velocity

__all__ = ["Epsilon", "Preconditioned", "Prediction", "PreviousX", "StartX", "V", "Velocity"]
