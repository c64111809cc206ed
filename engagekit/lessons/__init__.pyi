from .exercises import WrongAnswer as WrongAnswer
from .exercises import check as check
from .glossary import glossary as glossary
