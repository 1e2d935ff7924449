from __future__ import annotations

from xs2a_bank.data.locale import Locale

from .ba import BA
from .hr import HR
from .rs import RS
from .si import SI

LOCALES: dict[str, Locale] = {locale.country: locale for locale in (HR, SI, RS, BA)}
