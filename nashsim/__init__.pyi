from .errors import ConvergenceError as ConvergenceError
from .errors import EquilibriumDisagreement as EquilibriumDisagreement
from .errors import NashsimError as NashsimError
from .errors import StepSizeWarning as StepSizeWarning
from .game import PreferenceGame as PreferenceGame
