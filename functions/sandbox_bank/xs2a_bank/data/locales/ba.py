from __future__ import annotations

from xs2a_bank.data.locale import Bill, Locale, Shop, Texts


def _reference(number: int) -> str:
    """Creditor references as ISO 11649 has them: RF, two check digits, the reference."""
    if number % 2:
        return ""
    body = f"{number % 900_000_000 + 100_000_000}"
    return f"RF{98 - int(body + '271500') % 97:02d}{body}"


BA = Locale(
    country="BA",
    unit_minor=112.0,
    months=(
        "januar",
        "februar",
        "mart",
        "april",
        "maj",
        "juni",
        "juli",
        "august",
        "septembar",
        "oktobar",
        "novembar",
        "decembar",
    ),
    bank_codes=("161", "338", "199", "154", "132", "140"),
    reference=_reference,
    employers=("BH Telecom d.d. Sarajevo", "Bosnalijek d.d.", "Energoinvest d.d.", "Violeta d.o.o. Grude"),
    shops=(
        Shop("Bingo Tuzla", 6, 62),
        Shop("Konzum Sarajevo", 6, 54),
        Shop("Mercator Grbavica", 6, 50),
        Shop("Amko Komerc", 5, 40),
        Shop("Hoše Komerc Čengić vila", 4, 36),
        Shop("Holdina benzinska pumpa", 24, 64),
        Shop("Petrol BH Žepče", 22, 58),
        Shop("dm drogerie markt", 4, 30),
        Shop("Apoteke Sarajevo", 4, 26),
        Shop("Pekara Imaret", 1.1, 5.4),
        Shop("Ćevabdžinica Željo", 6, 24),
        Shop("Korpa Sarajevo", 9, 27),
        Shop("Domod Široki Brijeg", 12, 88),
        Shop("Robot Ilidža", 8, 70),
        Shop("Buybook Sarajevo", 6, 31),
    ),
    small_shops=(
        Shop("GRAS karta", 1.6, 1.6),
        Shop("Parking Rad", 1.8, 1.8),
        Shop("iNovine kiosk", 2.2, 2.2),
    ),
    cities=("Sarajevo", "Mostar", "Banja Luka", "Tuzla", "Goražde"),
    bills=(
        Bill("JP Elektroprivreda BiH d.d.", "Račun za električnu energiju {month} {year}.", 8, 38, 70),
        Bill("BH Telecom d.d.", "Račun za telekom usluge {month} {year}.", 15, 33, 39),
        Bill("KJKP Vodovod i kanalizacija", "Račun za vodu {month} {year}.", 18, 14, 25),
        Bill("KJKP Toplane Sarajevo", "Grijanje {month} {year}.", 20, 44, 72),
        Bill("Sarajevo osiguranje d.d.", "Premija osiguranja", 5, 31, 31),
    ),
    first_names=("Amir", "Lejla", "Haris", "Amina", "Dženan", "Selma", "Željko", "Emina", "Tarik", "Đenana"),
    last_names=(
        "Hodžić",
        "Hadžić",
        "Čengić",
        "Delić",
        "Bašić",
        "Kovačević",
        "Halilović",
        "Mešić",
        "Šabić",
        "Džeko",
    ),
    texts=Texts(
        salary="Plata za {month} {year}.",
        rent="Kirija za {month} {year}.",
        cash="Isplata gotovine bankomat {name}",
        fee="Naknada za vođenje računa {month} {year}.",
        interest="Obračun kamate",
        saving="Prijenos na štednju",
        withdrawal="Prijenos sa štednje",
        round_up="Štednja zaokruživanjem kupovina",
        gifts=("Za večeru, hvala!", "Povrat duga", "Poklon za rođendan", "Pola računa za struju", "Za more"),
        currency_sale="Prodaja deviza",
    ),
    products={
        "current": "Tekući račun",
        "savings": "Štedni račun",
        "joint": "Zajednički tekući račun",
        "travel": "Štednja za putovanja",
        "house": "Stambena štednja",
        "car": "Štednja za automobil",
        "school": "Dječija štednja",
        "rainy-day": "Štednja za crne dane",
        "business": "Račun za obrt",
        "empty": "Tekući račun",
    },
)
