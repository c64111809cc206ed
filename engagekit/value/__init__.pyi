from .beta_geometric import BetaGeometric as BetaGeometric
from .fitting import NoConvergence as NoConvergence
from .gamma_gamma import GammaGamma as GammaGamma
from .lifetime_value import lifetime_value as lifetime_value
from .purchase_history import purchase_histories as purchase_histories
from .purchase_history import purchase_history as purchase_history
from .shifted_beta_geometric import ShiftedBetaGeometric as ShiftedBetaGeometric
