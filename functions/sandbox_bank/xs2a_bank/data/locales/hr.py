from __future__ import annotations

from xs2a_bank.data.locale import Bill, Locale, Shop, Texts


def _reference(number: int) -> str:
    return (
        f"HR99 {number % 90_000_000 + 10_000_000}"
        if number % 3
        else f"HR00 {number % 9_000_000}-{number % 97}"
    )


HR = Locale(
    country="HR",
    unit_minor=100.0,
    months=(
        "siječanj",
        "veljača",
        "ožujak",
        "travanj",
        "svibanj",
        "lipanj",
        "srpanj",
        "kolovoz",
        "rujan",
        "listopad",
        "studeni",
        "prosinac",
    ),
    bank_codes=("2360000", "2340009", "2484008", "2390001", "2407000", "2402006"),
    reference=_reference,
    employers=(
        "Infobip d.o.o.",
        "Podravka d.d.",
        "Končar - Elektroindustrija d.d.",
        "Rimac Technology d.o.o.",
    ),
    shops=(
        Shop("Konzum Zagreb", 6, 62),
        Shop("Kaufland Hrvatska", 9, 84),
        Shop("Lidl Hrvatska", 7, 58),
        Shop("Spar Hrvatska", 5, 46),
        Shop("Tommy Split", 5, 40),
        Shop("Plodine Rijeka", 6, 52),
        Shop("INA benzinska postaja", 22, 66),
        Shop("dm-drogerie markt", 4, 33),
        Shop("Müller Zagreb", 6, 39),
        Shop("Ljekarna Čakovec", 4, 27),
        Shop("Pekara Dubravica", 1.4, 6.8),
        Shop("Kavana Žuti Mačak", 2.2, 9.5),
        Shop("Wolt Zagreb", 11, 31),
        Shop("Bolt", 3.4, 14),
        Shop("Pevex Đakovo", 8, 74),
        Shop("Links Šibenik", 12, 88),
    ),
    small_shops=(Shop("ZET karta", 0.8, 0.8), Shop("Zagrebparking", 1.6, 1.6), Shop("Tisak kiosk", 1.9, 1.9)),
    cities=("Zagreb", "Split", "Osijek", "Varaždin", "Šibenik"),
    bills=(
        Bill("HEP Elektra d.o.o.", "Račun za električnu energiju {month} {year}.", 8, 46, 79),
        Bill("Hrvatski Telekom d.d.", "HT račun {month} {year}.", 15, 34, 38),
        Bill("Zagrebački holding d.o.o. - Čistoća", "Odvoz otpada {month} {year}.", 18, 11, 13),
        Bill("Vodoopskrba i odvodnja d.o.o.", "Račun za vodu {month} {year}.", 20, 17, 29),
        Bill("Gradska plinara Zagreb - Opskrba d.o.o.", "Plin, akontacija {month} {year}.", 23, 31, 58),
        Bill("Croatia osiguranje d.d.", "Premija životnog osiguranja", 5, 39.90, 39.90),
    ),
    first_names=(
        "Ivan",
        "Željka",
        "Tomislav",
        "Đurđica",
        "Luka",
        "Nikolina",
        "Šime",
        "Marija",
        "Krešimir",
        "Žarko",
    ),
    last_names=(
        "Horvat",
        "Kovačević",
        "Babić",
        "Marić",
        "Jurić",
        "Novaković",
        "Šimić",
        "Vuković",
        "Đurđević",
        "Žanić",
    ),
    texts=Texts(
        salary="Plaća za {month} {year}.",
        rent="Najamnina za {month} {year}.",
        cash="Isplata gotovine bankomat {name}",
        fee="Naknada za vođenje računa {month} {year}.",
        interest="Pripis kamate",
        saving="Prijenos na štednju",
        withdrawal="Prijenos sa štednje",
        round_up="Štednja zaokruživanjem kupnji",
        gifts=(
            "Za večeru, hvala!",
            "Povrat duga",
            "Rođendanski poklon",
            "Pola računa za struju",
            "Za ljetovanje",
        ),
        currency_sale="Prodaja deviza",
    ),
    products={
        "current": "Tekući račun",
        "savings": "Štedni račun",
        "joint": "Zajednički tekući račun",
        "travel": "Štednja za putovanja",
        "house": "Stambena štednja",
        "car": "Štednja za automobil",
        "school": "Dječja štednja",
        "rainy-day": "Štednja za crne dane",
        "business": "Račun za obrt",
        "empty": "Tekući račun",
    },
)
