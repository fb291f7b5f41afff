"""Small documents of many kinds: no false alarm where a list is complete, and rows that were dropped are seen."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from extractor.evidence.completeness import ListReport, completeness
from extractor.evidence.grounding import ground
from extractor.evidence.source import source_of


@dataclass(frozen=True)
class Document:
    """A document, the rows of its list by the names in `columns` (one name: a list of texts), and other values.

    The first value of each row stands in the text as it is, behind `above`.
    """

    text: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    others: dict[str, Any] = field(default_factory=dict)
    above: str = ""
    groups: bool = False  # headings part the rows

    @property
    def items(self) -> list[Any]:
        """The list as it should be."""
        if len(self.columns) == 1:
            return [row[0] for row in self.rows]
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


DOCUMENTS: dict[str, Document] = {
    "invoice, letterhead of columns": Document(
        """\
ACME TOOLS GmbH                       Invoice 77
Please pay 1.234,50 EUR by 3 March 2025.

Item            Quantity
Claw hammer     3
Hand saw        4
Spirit level    2
""",
        ("item", "quantity"),
        (("Claw hammer", 3), ("Hand saw", 4), ("Spirit level", 2)),
        {"vendor": "Acme Tools", "due": "2025-03-03", "total": 1234.5},
    ),
    "invoice, addresses and bank": Document(
        """\
Nordwind Elektro GmbH
Hafenstraße 12                                    Rechnung Nr. 2024-118
20457 Hamburg                                     Datum: 14.05.2024
Tel. 040 555 1234                                 Kunde: 10442

Firma
Bäckerei Sommer
Marktplatz 3
21073 Hamburg

Pos  Bezeichnung               Menge   Einzelpreis    Gesamt
1    LED-Leuchte 60 cm           4         24,90       99,60
2    Kabelkanal 2 m             10          3,50       35,00
3    Montage                     2         55,00      110,00

                               Nettobetrag             244,60
                               USt 19 %                 46,47
                               Gesamtbetrag            291,07

Zahlbar innerhalb von 14 Tagen ohne Abzug.
IBAN DE12 3456 7890 1234 5678 90   BIC NORDDEHH
Amtsgericht Hamburg HRB 98765   USt-IdNr. DE123456789
""",
        ("description", "quantity", "price", "total"),
        (
            ("LED-Leuchte 60 cm", 4, 24.9, 99.6),
            ("Kabelkanal 2 m", 10, 3.5, 35.0),
            ("Montage", 2, 55.0, 110.0),
        ),
        {"vendor": "Nordwind Elektro GmbH", "number": "2024-118", "date": "2024-05-14", "total": 291.07},
    ),
    "receipt, phone and payment": Document(
        """\
     CORNER MARKET
   12 Main St, Springfield
     TEL 555 1234
  03/14/2024 18:22  REG 02

MILK 1L            1.29
BREAD              2.49
APPLES 1.2 KG      3.10
COFFEE             6.99
  SUBTOTAL        13.87
  TAX 8%           1.11
  TOTAL           14.98
CASH              20.00
CHANGE             5.02
ITEMS SOLD 4
THANK YOU 00412
""",
        ("name", "price"),
        (("MILK 1L", 1.29), ("BREAD", 2.49), ("APPLES 1.2 KG", 3.1), ("COFFEE", 6.99)),
        {"store": "Corner Market", "date": "2024-03-14", "total": 14.98},
    ),
    "receipt, words and numbers only": Document(
        """\
Blue Door Cafe
TEL 555 1234
Table 12
Server 3

Espresso 2.50
Croissant 3.20
Orange juice 4.00

Total 9.70
Visa 9.70
Auth 004512
""",
        ("name", "price"),
        (("Espresso", 2.5), ("Croissant", 3.2), ("Orange juice", 4.0)),
        {"store": "Blue Door Cafe", "total": 9.7},
    ),
    "receipt, Spanish": Document(
        """\
SUPERMERCADO EL SOL, S.A.
C/ Mayor 14 28013 MADRID
CIF A-28123456  TELÉFONO 913 555 012
23/05/2023 19:04  CAJA 3  OP 0231

1 LECHE ENTERA          0,95
2 PAN DE MOLDE    1,40  2,80
1 ACEITE OLIVA          7,49
6 HUEVOS CAMPEROS 0,30  1,80

TOTAL (EUR)            13,04
TARJETA BANCARIA       13,04
IVA 10%  11,85   1,19
""",
        ("name", "quantity", "total"),
        (("LECHE ENTERA", 1, 0.95), ("PAN DE MOLDE", 2, 2.8), ("ACEITE OLIVA", 1, 7.49), ("HUEVOS CAMPEROS", 6, 1.8)),
        {"store": "Supermercado El Sol, S.A.", "date": "2023-05-23", "total": 13.04},
    ),
    "delivery note, two units": Document(
        """\
LIEFERSCHEIN 88120                         Seite 1 von 1
Meyer & Söhne KG, Industriestr. 4, 70565 Stuttgart
Lieferdatum: 02.02.2024    Bestellung: 4500-7781

Art.-Nr.   Artikel                    Menge  Einheit
100-220    Sechskantschraube M8x40      200  Stk
100-231    Unterlegscheibe M8           400  Stk
140-007    Gewindestange 1 m             12  Stk
200-115    Schmierfett 400 g              6  Dose

Gewicht: 38 kg     Packstücke: 2
Empfangen am: ______________   Unterschrift: ______________
""",
        ("number", "name", "quantity"),
        (
            ("100-220", "Sechskantschraube M8x40", 200),
            ("100-231", "Unterlegscheibe M8", 400),
            ("140-007", "Gewindestange 1 m", 12),
            ("200-115", "Schmierfett 400 g", 6),
        ),
        {"note": "88120", "order": "4500-7781", "date": "2024-02-02"},
    ),
    "bank statement": Document(
        """\
First Valley Bank                                  Statement 04/2024
Account 0012-884-71                                Page 1 of 1
Ms Jane Doe, 8 Elm Street, Dover

Opening balance  04/01/2024                         1,204.18

Date        Description                  Amount     Balance
04/02/2024  Payroll ACME Inc           2,300.00    3,504.18
04/05/2024  Rent April                  -950.00    2,554.18
04/11/2024  Grocery Outlet 114           -61.27    2,492.91
04/19/2024  Transfer to savings         -400.00    2,092.91
04/28/2024  Interest                       1.02    2,093.93

Closing balance  04/30/2024                         2,093.93
Questions? Call 1-800-555-0199, Mon-Fri 9-17.
""",
        ("description", "date", "amount"),
        (
            ("Payroll ACME Inc", "2024-04-02", 2300.0),
            ("Rent April", "2024-04-05", -950.0),
            ("Grocery Outlet 114", "2024-04-11", -61.27),
            ("Transfer to savings", "2024-04-19", -400.0),
            ("Interest", "2024-04-28", 1.02),
        ),
        {"bank": "First Valley Bank", "account": "0012-884-71", "closing": 2093.93},
    ),
    "bank statement, German": Document(
        """\
Sparkasse Musterstadt            Kontoauszug 5/2024  Blatt 1
IBAN DE44 5001 0517 5407 3249 31
alter Kontostand vom 30.04.2024                     512,40 EUR

02.05.2024  Miete Mai                              -780,00
06.05.2024  Gehalt Fa. Krause                     2.150,33
13.05.2024  Stadtwerke Abschlag                     -94,00
21.05.2024  REWE Markt 4411                         -38,17

neuer Kontostand vom 31.05.2024                   1.750,56 EUR
Dispositionskredit 2.000,00 EUR, Sollzinssatz 9,75 % p. a.
""",
        ("text", "date", "amount"),
        (
            ("Miete Mai", "2024-05-02", -780.0),
            ("Gehalt Fa. Krause", "2024-05-06", 2150.33),
            ("Stadtwerke Abschlag", "2024-05-13", -94.0),
            ("REWE Markt 4411", "2024-05-21", -38.17),
        ),
        {"iban": "DE44 5001 0517 5407 3249 31", "balance": 1750.56},
    ),
    "CV, jobs": Document(
        """\
Maria Rossi
Via Garibaldi 22, 10122 Torino | +39 011 555 0192 | maria@example.org
Born 12 June 1988

EXPERIENCE
2019 - 2024  Senior Engineer, Fermi Systems
2015 - 2019  Engineer, Alpina Robotics
2012 - 2015  Junior Engineer, Studio Bianchi

EDUCATION
2007 - 2012  MSc Electronics, Politecnico di Torino
2002 - 2007  Liceo Scientifico Volta

LANGUAGES
Italian, English, French
""",
        ("title", "company", "start"),
        (
            ("Senior Engineer", "Fermi Systems", 2019),
            ("Engineer", "Alpina Robotics", 2015),
            ("Junior Engineer", "Studio Bianchi", 2012),
        ),
        {"name": "Maria Rossi", "born": "1988-06-12"},
    ),
    "CV, skills as bullets": Document(
        """\
Tom Baker, 4 Mill Road, Leeds LS1 4AB

Profile
Carpenter with 12 years of practice.

Skills
- Timber framing
- Staircases
- Roof repair
- Furniture

References
- Ann Cole, 0113 555 010
- Raj Patel, 0113 555 044
""",
        ("skill",),
        (("Timber framing",), ("Staircases",), ("Roof repair",), ("Furniture",)),
        {"name": "Tom Baker"},
    ),
    "recipe": Document(
        """\
Grandma's Pancakes
Serves 4. Ready in 25 minutes. Page 112.

Ingredients
250 g flour
2 eggs
500 ml milk
1 pinch of salt
30 g butter

Method
1. Whisk flour, eggs and milk for 2 minutes.
2. Rest the batter for 15 minutes.
3. Fry in butter, 2 minutes each side.

Per serving: 320 kcal, 11 g protein
""",
        ("name", "amount"),
        (("flour", "250 g"), ("eggs", "2"), ("milk", "500 ml"), ("salt", "1 pinch"), ("butter", "30 g")),
        {"title": "Grandma's Pancakes", "serves": 4},
    ),
    "recipe, steps": Document(
        """\
Grandma's Pancakes
Serves 4. Ready in 25 minutes.

250 g flour
2 eggs
500 ml milk

Method
1. Whisk flour, eggs and milk.
2. Rest the batter for 15 minutes.
3. Fry in butter, 2 minutes each side.
4. Serve with jam.

Tips
1. Do not skip the rest.
""",
        ("step",),
        (
            ("Whisk flour, eggs and milk.",),
            ("Rest the batter for 15 minutes.",),
            ("Fry in butter, 2 minutes each side.",),
            ("Serve with jam.",),
        ),
        {"title": "Grandma's Pancakes", "serves": 4},
    ),
    "address list, blocks": Document(
        """\
Members of the Rowing Club, as of 1 May 2023

Ann Bell
14 River Lane
Oxford OX1 2AB
01865 555 101

Bob Cole
3 Abbey Road
Oxford OX4 7CD
01865 555 202

Cleo Diaz
27 Park End
Abingdon OX14 5EF
01235 555 303

Secretary: Ann Bell, 01865 555 101
Printed 2 May 2023, 40 copies
""",
        ("name", "street", "phone"),
        (
            ("Ann Bell", "14 River Lane", "01865 555 101"),
            ("Bob Cole", "3 Abbey Road", "01865 555 202"),
            ("Cleo Diaz", "27 Park End", "01235 555 303"),
        ),
        {"club": "Rowing Club", "date": "2023-05-01"},
    ),
    "address list, lines": Document(
        """\
Annuaire de l'association, édition 2024
12 rue des Lilas, 69003 Lyon - 04 78 55 01 10

Bernard Luc, 8 rue Pasteur, 69007 Lyon, 04 78 55 22 31
Dupont Marie, 41 cours Gambetta, 69003 Lyon, 04 78 55 90 07
Henry Paul, 2 place Bellecour, 69002 Lyon, 04 78 55 64 18
Moreau Claire, 77 avenue Foch, 69006 Lyon, 04 78 55 13 75

Imprimé le 3 janvier 2024, 120 exemplaires
""",
        ("name", "street", "phone"),
        (
            ("Bernard Luc", "8 rue Pasteur", "04 78 55 22 31"),
            ("Dupont Marie", "41 cours Gambetta", "04 78 55 90 07"),
            ("Henry Paul", "2 place Bellecour", "04 78 55 64 18"),
            ("Moreau Claire", "77 avenue Foch", "04 78 55 13 75"),
        ),
        {"year": 2024},
    ),
    "contract, enumeration": Document(
        """\
SERVICE AGREEMENT No. 2023/41

1. Parties
This agreement is made between Alpha Ltd and Beta Ltd.

2. Services
The contractor shall
(a) clean the offices on floors 1 to 3;
(b) empty all bins every evening;
(c) wash the windows twice a year.

3. Fees
The fee is 900 EUR a month. It covers
(a) materials;
(b) travel.

4. Term
This agreement ends on 31 December 2025.
""",
        ("service",),
        (
            ("clean the offices on floors 1 to 3",),
            ("empty all bins every evening",),
            ("wash the windows twice a year",),
        ),
        {"number": "2023/41", "fee": 900, "end": "2025-12-31"},
    ),
    "contract, clauses": Document(
        """\
Mietvertrag vom 01.03.2022

§ 1 Mietsache
Vermietet wird die Wohnung Lindenweg 5, 2. Stock.
§ 2 Miete
Die Miete beträgt 640,00 EUR im Monat.
§ 3 Kaution
Die Kaution beträgt 1.920,00 EUR.
§ 4 Kündigung
Die Frist beträgt drei Monate.

Berlin, den 01.03.2022
Vermieter: K. Lang      Mieter: P. Vogt
""",
        ("title", "number"),
        (("Mietsache", 1), ("Miete", 2), ("Kaution", 3), ("Kündigung", 4)),
        {"date": "2022-03-01", "rent": 640.0},
    ),
    "order by e-mail": Document(
        """\
From: lea@example.com
To: shop@example.com
Date: Tue, 4 Jun 2024 10:12
Subject: Order 5521

Hello,

please send us

3 x toner black
2 x toner cyan
10 x paper A4
1 x stapler

to 5 Hill Street, Bath BA1 5LR.

Kind regards
Lea Marsh
+44 1225 555 880
""",
        ("name", "quantity"),
        (("toner black", 3), ("toner cyan", 2), ("paper A4", 10), ("stapler", 1)),
        {"number": "5521", "date": "2024-06-04"},
    ),
    "markdown table and another": Document(
        """\
# Release 3.2

Released 2024-02-01, build 8841.

## Fixed

| Issue | Title | Points |
|-------|-------|--------|
| 101 | Crash on start | 5 |
| 117 | Slow search | 3 |
| 123 | Wrong totals | 8 |

## Known problems

| Issue | Title | Points |
|-------|-------|--------|
| 140 | Flicker on resize | 2 |
| 152 | Missing icons | 1 |
""",
        ("title", "issue"),
        (("Crash on start", 101), ("Slow search", 117), ("Wrong totals", 123)),
        {"release": "3.2", "date": "2024-02-01"},
    ),
    "CSV with a preamble": Document(
        """\
Export of 2024-03-01,user 14
Rows below are sorted by date

date,place,km
2024-02-01,Graz,210
2024-02-09,Linz,85
2024-02-17,Wien,12
2024-02-25,Wels,130

generated by trips 2.4
""",
        ("place", "date", "km"),
        (
            ("Graz", "2024-02-01", 210),
            ("Linz", "2024-02-09", 85),
            ("Wien", "2024-02-17", 12),
            ("Wels", "2024-02-25", 130),
        ),
        {"user": 14},
    ),
    "two lists on one page": Document(
        """\
Team sheet, 12 October 2024
Referee 7

Home
1 Adams
4 Brook
9 Clark

Away
2 Dunn
5 Evans
8 Frost

Attendance 431
""",
        ("name", "number"),
        (("Adams", 1), ("Brook", 4), ("Clark", 9)),
        {"away": [{"name": "Dunn", "number": 2}, {"name": "Evans", "number": 5}, {"name": "Frost", "number": 8}]},
    ),
    "minutes with tasks": Document(
        """\
Minutes of 7 May 2024, room 204
Present: Ann Bell, Bob Cole, Cleo Diaz

1. Budget
The budget of 12,000 was approved.
2. Building
The roof costs 3,400.

Actions
- Ann: send the plan by 10 May
- Bob: call the roofer
- Cleo: book room 204

Next meeting: 4 June 2024, 18:00
""",
        ("who", "task"),
        (("Ann", "send the plan by 10 May"), ("Bob", "call the roofer"), ("Cleo", "book room 204")),
        {"date": "2024-05-07", "room": "204"},
        above="Actions",
    ),
    "price list": Document(
        """\
HAIR BY SUE
Open Tue-Sat 9 to 6    Tel 0151 555 220
Prices from 1 January 2024

Cut and dry ........... 28.00
Colour ................ 45.00
Highlights ............ 60.00
Beard trim ............ 12.00

10 % off on Tuesdays
14 Dock Street, Liverpool L1 8AA
""",
        ("name", "price"),
        (("Cut and dry", 28.0), ("Colour", 45.0), ("Highlights", 60.0), ("Beard trim", 12.0)),
        {"shop": "Hair by Sue", "phone": "0151 555 220"},
    ),
    "timetable": Document(
        """\
Line 14   Harbour - Airport
valid from 10.12.2023

Harbour          06:10
Old Town         06:18
Main Station     06:25
University       06:34
Airport          06:52

Sundays first bus 07:10
Information: 0800 555 140
""",
        ("stop", "time"),
        (
            ("Harbour", "06:10"),
            ("Old Town", "06:18"),
            ("Main Station", "06:25"),
            ("University", "06:34"),
            ("Airport", "06:52"),
        ),
        {"line": "14", "valid": "2023-12-10"},
        above="valid from",
    ),
    "laboratory report": Document(
        """\
MEDLAB DR. KERN      Report 77-0192      12.04.2024
Patient: Huber, Eva   born 03.09.1975    ID 448812

Test             Result   Unit     Reference
Hemoglobin        13.4    g/dl     12.0-16.0
Leukocytes         6.1    /nl       4.0-10.0
Platelets          251    /nl       150-400
Creatinine        0.82    mg/dl    0.50-0.90
TSH               1.95    mU/l     0.40-4.00

Sample taken 11.04.2024 08:15, received 10:40
Validated by Dr. Kern 12.04.2024
""",
        ("test", "result", "unit"),
        (
            ("Hemoglobin", 13.4, "g/dl"),
            ("Leukocytes", 6.1, "/nl"),
            ("Platelets", 251, "/nl"),
            ("Creatinine", 0.82, "mg/dl"),
            ("TSH", 1.95, "mU/l"),
        ),
        {"patient": "Huber, Eva", "report": "77-0192"},
    ),
    "invoice, French, item over two lines": Document(
        """\
Atelier Lumière SARL               FACTURE N° F-2024-031
3 rue du Port, 44000 Nantes        Le 18/06/2024
SIRET 123 456 789 00012            Client n° 207

Désignation                 Qté   Prix unit.     Montant
Lampe de bureau               2       45,00       90,00
  réf. LB-220, noire
Ampoule E27                  10        4,20       42,00
Installation                  1       80,00       80,00
  le 12/06/2024, 2 h

Total HT                                         212,00
TVA 20 %                                          42,40
Total TTC                                        254,40
Échéance : 18/07/2024
""",
        ("description", "quantity", "price", "amount"),
        (("Lampe de bureau", 2, 45.0, 90.0), ("Ampoule E27", 10, 4.2, 42.0), ("Installation", 1, 80.0, 80.0)),
        {"vendor": "Atelier Lumière SARL", "number": "F-2024-031", "date": "2024-06-18", "total": 254.4},
    ),
    "packing list, two items": Document(
        """\
PACKING LIST 3301
To: Kato Trading, 2-4-1 Marunouchi, Tokyo
Container 40 ft   Seal 99120

Carton  Contents         Pieces
1       Tea cups         48
2       Saucers          48

Gross weight 61 kg
Net weight 55 kg
""",
        ("contents", "carton", "pieces"),
        (("Tea cups", 1, 48), ("Saucers", 2, 48)),
        {"number": "3301", "seal": "99120"},
    ),
    "job offer, requirements": Document(
        """\
Job offer 2024-17: Baker (m/f/d), 38 hours a week

We are looking for somebody who has

* a finished apprenticeship
* two years of practice
* a driving licence

We offer

* 30 days of leave
* 2,900 EUR a month

Apply by 31 August 2024 to jobs@example.com or 089 555 7788.
""",
        ("requirement",),
        (("a finished apprenticeship",), ("two years of practice",), ("a driving licence",)),
        {"hours": 38, "deadline": "2024-08-31"},
    ),
    "invoice, Italian, numbered": Document(
        """\
Ferramenta Conti S.r.l. - P.IVA 01234567890
Via Roma 8, 40121 Bologna
FATTURA 55/2024 del 09/04/2024

N.  Descrizione           Q.tà   Prezzo   Importo
1   Viti 4x40               5     3,20     16,00
2   Trapano                 1    89,00     89,00
3   Guanti da lavoro        4     6,50     26,00
4   Metro 5 m               2     7,00     14,00
5   Nastro isolante        10     1,10     11,00

Imponibile   156,00
IVA 22%       34,32
Totale       190,32
Pagamento: bonifico 30 gg
""",
        ("description", "quantity", "amount"),
        (
            ("Viti 4x40", 5, 16.0),
            ("Trapano", 1, 89.0),
            ("Guanti da lavoro", 4, 26.0),
            ("Metro 5 m", 2, 14.0),
            ("Nastro isolante", 10, 11.0),
        ),
        {"vendor": "Ferramenta Conti S.r.l.", "number": "55/2024", "total": 190.32},
    ),
    "bill of a restaurant": Document(
        """\
Trattoria Da Pino
Piazza 4   8001 Zurich
Tel 044 555 66 77
Tisch 7   Rechnung 1182
12.01.2024 21:14

2 Pizza Margherita    36.00
1 Risotto             27.50
3 Mineral 0.5l        16.50
2 Espresso             9.60

Total CHF             89.60
MWST 8.1%              6.71
MWST-Nr. CHE-112.233.445
""",
        ("name", "quantity", "price"),
        (("Pizza Margherita", 2, 36.0), ("Risotto", 1, 27.5), ("Mineral 0.5l", 3, 16.5), ("Espresso", 2, 9.6)),
        {"place": "Trattoria Da Pino", "number": "1182", "total": 89.6},
    ),
    "labelled records": Document(
        """\
Vehicle register, extract 12/2023
Office 044

Plate: AB 1234
Owner: Ann Bell
Year: 2016

Plate: CD 5678
Owner: Bob Cole
Year: 2019

Plate: EF 9012
Owner: Cleo Diaz
Year: 2021

Issued: 14 December 2023
Fee: 12.00
""",
        ("plate", "owner", "year"),
        (("AB 1234", "Ann Bell", 2016), ("CD 5678", "Bob Cole", 2019), ("EF 9012", "Cleo Diaz", 2021)),
        {"issued": "2023-12-14", "fee": 12.0},
    ),
    "guest list in a sentence": Document(
        """\
Invitation 12 for 3 May

Guests: Ann Bell, Bob Cole, Cleo Diaz, Emil Frank
Place: Town Hall, Room 2
Music: Duo Nord, 2 hours
""",
        ("guest",),
        (("Ann Bell",), ("Bob Cole",), ("Cleo Diaz",), ("Emil Frank",)),
        {"place": "Town Hall"},
    ),
    "order of many columns": Document(
        """\
PURCHASE ORDER 7731                               2024-08-02
Buyer: Orion Labs    Ship to: Dock 3    Terms: NET 30

Line;Part;Description;Qty;Price
10;P-100;Valve 3/4;12;14.20
20;P-115;Gasket;40;0.85
30;P-230;Pump head;1;310.00
40;P-231;Pump seal;2;22.40
50;P-400;Hose 2 m;6;18.00
60;P-405;Clamp;24;1.10
70;P-510;Filter;8;9.75
80;P-512;Filter housing;1;64.00
90;P-600;Gauge;3;27.30
100;P-777;Label set;1;5.00

Approved;M. Stone;2024-08-02;;
Delivery;CW 34;;;
""",
        ("part", "description", "quantity", "price"),
        (
            ("P-100", "Valve 3/4", 12, 14.2),
            ("P-115", "Gasket", 40, 0.85),
            ("P-230", "Pump head", 1, 310.0),
            ("P-231", "Pump seal", 2, 22.4),
            ("P-400", "Hose 2 m", 6, 18.0),
            ("P-405", "Clamp", 24, 1.1),
            ("P-510", "Filter", 8, 9.75),
            ("P-512", "Filter housing", 1, 64.0),
            ("P-600", "Gauge", 3, 27.3),
            ("P-777", "Label set", 1, 5.0),
        ),
        {"number": "7731", "date": "2024-08-02"},
    ),
    "publications": Document(
        """\
Dr. Ida Berg, Department of Physics, Box 516, 751 20 Uppsala

Publications
[1] Berg, I. (2018). Cold atoms in traps. J. Phys. 12, 101-109.
[2] Berg, I. and Lund, O. (2020). Slow light. Optics 7, 44-51.
[3] Berg, I. (2021). Noise in lasers. Optics 8, 12-20.
[4] Lund, O. and Berg, I. (2023). Quiet lasers. Optics 10, 1-9.

Talks
[1] Stockholm, 3 May 2019
[2] Oslo, 11 June 2022
""",
        ("title", "year"),
        (("Cold atoms in traps", 2018), ("Slow light", 2020), ("Noise in lasers", 2021), ("Quiet lasers", 2023)),
        {"name": "Dr. Ida Berg"},
    ),
    "statement of hours, fifteen rows": Document(
        """\
TIMESHEET  May 2024     Employee 5501  Lund, Olga
Cost centre 4410        40 hours a week

Day         Start   End    Hours
02.05.2024  08:00  16:30    8.0
03.05.2024  08:05  16:35    8.0
06.05.2024  07:55  15:55    7.5
07.05.2024  08:00  16:30    8.0
08.05.2024  08:00  12:00    4.0
10.05.2024  09:00  17:30    8.0
13.05.2024  08:00  16:30    8.0
14.05.2024  08:10  16:40    8.0
15.05.2024  08:00  16:00    7.5
16.05.2024  08:00  16:30    8.0
17.05.2024  08:00  14:00    5.5
21.05.2024  08:00  16:30    8.0
22.05.2024  08:00  16:30    8.0
23.05.2024  08:00  17:00    8.5
24.05.2024  08:00  16:30    8.0

Sum                       112.5
Signed 27.05.2024
""",
        ("day", "start", "end", "hours"),
        tuple(
            (f"{day:02}.05.2024", start, end, hours)
            for day, start, end, hours in (
                (2, "08:00", "16:30", 8.0),
                (3, "08:05", "16:35", 8.0),
                (6, "07:55", "15:55", 7.5),
                (7, "08:00", "16:30", 8.0),
                (8, "08:00", "12:00", 4.0),
                (10, "09:00", "17:30", 8.0),
                (13, "08:00", "16:30", 8.0),
                (14, "08:10", "16:40", 8.0),
                (15, "08:00", "16:00", 7.5),
                (16, "08:00", "16:30", 8.0),
                (17, "08:00", "14:00", 5.5),
                (21, "08:00", "16:30", 8.0),
                (22, "08:00", "16:30", 8.0),
                (23, "08:00", "17:00", 8.5),
                (24, "08:00", "16:30", 8.0),
            )
        ),
        {"employee": "5501", "month": "May 2024"},
    ),
    "invoice, Chinese": Document(
        """\
北京星光贸易有限公司          发票号 20240618
电话 010-5550-1234

品名            数量    单价
办公桌          2       880.00
台灯            5       120.00
转椅            4       350.00

合计 3760.00
付款期限 2024年7月18日
""",
        ("name", "quantity", "price"),
        (("办公桌", 2, 880.0), ("台灯", 5, 120.0), ("转椅", 4, 350.0)),
        {"vendor": "北京星光贸易有限公司", "number": "20240618", "total": 3760.0},
    ),
    "invoice, Polish": Document(
        """\
Faktura VAT FV/12/2024            Kraków, 05.02.2024
Sprzedawca: Meble Sp. z o.o., ul. Długa 7, NIP 676-000-11-22
Nabywca: Jan Nowak, ul. Krótka 1, 30-001 Kraków

Lp. Nazwa             Ilość  Cena     Wartość
1.  Stół dębowy         1    1 250,00  1 250,00
2.  Krzesło             6      180,00  1 080,00
3.  Transport           1      150,00    150,00

Razem                                2 480,00
Do zapłaty: 2 480,00 PLN, termin 19.02.2024
""",
        ("name", "quantity", "total"),
        (("Stół dębowy", 1, 1250.0), ("Krzesło", 6, 1080.0), ("Transport", 1, 150.0)),
        {"number": "FV/12/2024", "date": "2024-02-05", "total": 2480.0},
    ),
    "invoice, groups under headings": Document(
        """\
Green Gardens Ltd        Invoice GG-204       7 July 2024
22 Orchard Way, Kent TN1 2AB     VAT 112 2334 45

Labour
Mowing               3 h     25.00      75.00
Pruning              2 h     30.00      60.00

Materials
Compost              4       8.50       34.00
Seed mix             2       12.00      24.00

Total due                              193.00
Sort code 20-11-45   Account 30455112
""",
        ("item", "total"),
        (("Mowing", 75.0), ("Pruning", 60.0), ("Compost", 34.0), ("Seed mix", 24.0)),
        {"number": "GG-204", "total": 193.0},
        groups=True,
    ),
    "utility bill": Document(
        """\
CITY WATER WORKS            Customer 88-2231
Bill date 02/11/2023        Due 02/25/2023
Account holder John Roe     19 Lake View, Unit 4

Meter readings
Meter 1    10,220   10,310   90
Meter 2     4,105    4,160   55

Charges
Water use 145 units        58.00
Sewer service              31.20
Meter rental                4.00

Amount due                 93.20
Pay online or call 555-0140
""",
        ("name", "amount"),
        (("Water use 145 units", 58.0), ("Sewer service", 31.2), ("Meter rental", 4.0)),
        {"customer": "88-2231", "total": 93.2},
    ),
    "school report": Document(
        """\
Lycée Jean Moulin           Année 2023-2024
Élève : Petit Chloé         Classe : 3e B

Matière            Moyenne   Classe
Français             14,5     12,1
Mathématiques        16,0     11,8
Histoire             13,2     12,9
Anglais              17,5     13,4

Absences : 2 demi-journées
Moyenne générale     15,3
""",
        ("subject", "grade"),
        (("Français", 14.5), ("Mathématiques", 16.0), ("Histoire", 13.2), ("Anglais", 17.5)),
        {"pupil": "Petit Chloé"},
    ),
    "hotel bill": Document(
        """\
HOTEL SEEBLICK ****           Zimmer 214
Familie Weber                 Anreise 03.08.24
Hauptstr. 7                   Abreise 06.08.24

03.08.  Übernachtung      1    95,00
03.08.  Abendessen        2    48,00
04.08.  Übernachtung      1    95,00
04.08.  Minibar           1     6,50
05.08.  Übernachtung      1    95,00

Summe                         339,50
enthaltene MwSt 7 %            18,64
Rechnungs-Nr. 24-0817
""",
        ("day", "name", "price"),
        (
            ("03.08.", "Übernachtung", 95.0),
            ("03.08.", "Abendessen", 48.0),
            ("04.08.", "Übernachtung", 95.0),
            ("04.08.", "Minibar", 6.5),
            ("05.08.", "Übernachtung", 95.0),
        ),
        {"room": "214", "total": 339.5},
        above="Abreise 06.08.24",
    ),
    "shopping list": Document(
        """\
To buy on Saturday 11 May
[ ] milk
[x] 6 eggs
[ ] bread rolls
[ ] olive oil

Call mum 555 0198
""",
        ("thing",),
        (("milk",), ("6 eggs",), ("bread rolls",), ("olive oil",)),
    ),
    "medication plan": Document(
        """\
Medikationsplan           Seite 1 von 1
für: Erika Muster         geb. am: 12.04.1951
ausgedruckt von Praxis Dr. Wolf, Tel. 0711 555 21, am 03.06.2024

Wirkstoff       Stärke    Form    morgens mittags abends
Ramipril        5 mg      Tabl       1      0       0
Metformin       1000 mg   Tabl       1      0       1
Simvastatin     40 mg     Tabl       0      0       1

Für Vollständigkeit keine Gewähr. Version 2.7
""",
        ("drug", "strength"),
        (("Ramipril", "5 mg"), ("Metformin", "1000 mg"), ("Simvastatin", "40 mg")),
        {"patient": "Erika Muster"},
    ),
    "json lines log": Document(
        """\
service started 2024-03-01 pid 4411
2024-03-01 10:00:01 ERROR disk full on node7
2024-03-01 10:02:15 ERROR timeout after 30 s
2024-03-01 10:02:18 WARN retry 1 of 3
2024-03-01 10:05:40 ERROR lost link to node2
shutdown 2024-03-01 10:06
""",
        ("message", "level"),
        (
            ("disk full on node7", "ERROR"),
            ("timeout after 30 s", "ERROR"),
            ("retry 1 of 3", "WARN"),
            ("lost link to node2", "ERROR"),
        ),
        {"pid": 4411},
    ),
    "event programme": Document(
        """\
PROGRAMME   Saturday 14 September 2024
Town Hall, 2 High Street. Doors open at 09:00.

09:30  Welcome                Mayor Hill
10:00  Wind power at home     Dr. Storm
11:15  Heat pumps             A. Frost
13:30  Panel                  all speakers
15:00  Close

Tickets 12.00, children under 14 free. Info 555 0133.
""",
        ("title", "time"),
        (
            ("Welcome", "09:30"),
            ("Wind power at home", "10:00"),
            ("Heat pumps", "11:15"),
            ("Panel", "13:30"),
            ("Close", "15:00"),
        ),
        {"place": "Town Hall"},
    ),
    "board members sentence list": Document(
        """\
Annual report 2023, page 4

The board
Chair: Helen Park
Treasurer: Omar Said
Secretary: Lucy Wong

Auditors
Grant & Poole LLP, 5 King Street
""",
        ("name", "role"),
        (("Helen Park", "Chair"), ("Omar Said", "Treasurer"), ("Lucy Wong", "Secretary")),
        {"year": 2023},
    ),
    "tsv export": Document(
        """\
# sensors\tv3
id\tsite\tvalue
s1\tnorth\t12.5
s2\tsouth\t13.1
s3\teast\t11.9
s4\twest\t12.2
# end\t4
""",
        ("id", "site", "value"),
        (("s1", "north", 12.5), ("s2", "south", 13.1), ("s3", "east", 11.9), ("s4", "west", 12.2)),
    ),
    "quote with options": Document(
        """\
QUOTE Q-1180                     Valid until 30 June 2024
Prepared for Lake School, attn. Mr Dean, 555 0171

# | Item              | Qty | Unit   | Total
1 | Projector X20     | 2   | 420.00 | 840.00
2 | Screen 200 cm     | 2   | 110.00 | 220.00
3 | HDMI cable 5 m    | 4   | 12.00  | 48.00

Subtotal 1,108.00
Tax 8% 88.64
Total 1,196.64

Options (not included)
4 | Ceiling mount     | 2   | 65.00  | 130.00
""",
        ("item", "quantity", "total"),
        (("Projector X20", 2, 840.0), ("Screen 200 cm", 2, 220.0), ("HDMI cable 5 m", 4, 48.0)),
        {"number": "Q-1180"},
    ),
    "dutch receipt": Document(
        """\
ALBERT MARKT 1234
Stationsplein 5 Utrecht
030 555 1200
AANTAL OMSCHRIJVING  PRIJS BEDRAG
2 APPELSAP           1,19  2,38
1 KAAS JONG                4,99
3 YOGHURT            0,89  2,67
1 BROOD VOLKOREN           2,15
7 SUBTOTAAL               12,19
TOTAAL                    12,19
PINNEN                    12,19
12-03-2024 17:44 kassa 4 bon 221
""",
        ("name", "quantity", "amount"),
        (("APPELSAP", 2, 2.38), ("KAAS JONG", 1, 4.99), ("YOGHURT", 3, 2.67), ("BROOD VOLKOREN", 1, 2.15)),
        {"total": 12.19},
    ),
    "card statement, two pages": Document(
        """\
NOVA CARD                          Page 1 of 2
Card 4000 XXXX XXXX 1234           March 2024

Date    Merchant               Amount
03/02   Corner Books            18.40
03/05   Sky Airlines           212.00
03/09   Pizza Uno               23.75

\fNOVA CARD                          Page 2 of 2
Card 4000 XXXX XXXX 1234           March 2024

Date    Merchant               Amount
03/14   City Parking             6.00
03/21   Fresh Foods             44.10

New balance                    304.25
Minimum payment                 25.00
""",
        ("merchant", "date", "amount"),
        (
            ("Corner Books", "03/02", 18.4),
            ("Sky Airlines", "03/05", 212.0),
            ("Pizza Uno", "03/09", 23.75),
            ("City Parking", "03/14", 6.0),
            ("Fresh Foods", "03/21", 44.1),
        ),
        {"balance": 304.25},
    ),
    "phone directory": Document(
        """\
Office phones (rev. 12)
Main line 555 0100

Reception ...... 101
Sales .......... 114
Support ........ 120
Warehouse ...... 133

Fire brigade 112
""",
        ("name", "number"),
        (("Reception", "101"), ("Sales", "114"), ("Support", "120"), ("Warehouse", "133")),
    ),
    "ship manifest no header": Document(
        """\
MV Clara / voyage 118 / port Gdynia / 2024-05-20

MSKU1234567 40HC coffee 21400 kg
TGHU7654321 20DC tiles 18250 kg
CMAU1112223 40HC furniture 9800 kg
OOLU9998887 20RF fish 16700 kg

4 units, 66150 kg
Master: J. Kowalski
""",
        ("container", "goods", "weight"),
        (
            ("MSKU1234567", "coffee", 21400),
            ("TGHU7654321", "tiles", 18250),
            ("CMAU1112223", "furniture", 9800),
            ("OOLU9998887", "fish", 16700),
        ),
        {"vessel": "MV Clara"},
    ),
    "court file parties": Document(
        """\
Case 3 O 112/23
Hearing of 9 February 2024, 10:30, room 17

Witnesses:
1. Karl Braun, Bonn
2. Ines Roth, Köln
3. Timo Beck, Bonn

Exhibits:
1. Lease of 1 May 2019
2. Letter of 3 June 2022
""",
        ("name", "city"),
        (("Karl Braun", "Bonn"), ("Ines Roth", "Köln"), ("Timo Beck", "Bonn")),
        {"case": "3 O 112/23"},
    ),
    "portuguese invoice": Document(
        """\
Padaria Lisboa, Lda.   NIF 501 234 567
Fatura FT 2024/88      Data 2024-06-03

Artigo            Qtd   Preço    Valor
Pão de centeio     10    1,80    18,00
Bolo de arroz      24    0,95    22,80
Croissant          12    1,10    13,20

Total sem IVA                    54,00
IVA 6%                            3,24
Total a pagar                    57,24
""",
        ("name", "quantity", "amount"),
        (("Pão de centeio", 10, 18.0), ("Bolo de arroz", 24, 22.8), ("Croissant", 12, 13.2)),
        {"number": "FT 2024/88", "total": 57.24},
    ),
    "exam results markdown": Document(
        """\
**Course 101, 18 students, 3 passed with honours**

| Student | Points |
|---|---|
| Abel | 91 |
| Cruz | 88 |
| Dang | 95 |

Average: 71
""",
        ("student", "points"),
        (("Abel", 91), ("Cruz", 88), ("Dang", 95)),
    ),
    "invoice US": Document(
        """\
                          INVOICE
Hartley & Co.                          Invoice #: 10045
200 Commerce Dr., Suite 410            Date: 01/15/2024
Columbus, OH 43215                     PO: 7781-A

Bill To:                               Ship To:
Zed Labs                               Zed Labs
9 Pine Ct.                             Dock 4
Dayton, OH 45402                       Dayton, OH 45402

QTY   DESCRIPTION                 UNIT PRICE     AMOUNT
  2   Bench vise                      89.00     178.00
  5   C-clamp 4 in.                   12.50      62.50
  1   Drill press                    410.00     410.00
 12   Safety goggles                   6.25      75.00

                                  SUBTOTAL      725.50
                                  TAX 7.5%       54.41
                                  TOTAL         779.91
Make checks payable to Hartley & Co.
Questions? (614) 555-0110
""",
        ("description", "quantity", "amount"),
        (("Bench vise", 2, 178.0), ("C-clamp 4 in.", 5, 62.5), ("Drill press", 1, 410.0), ("Safety goggles", 12, 75.0)),
        {"number": "10045", "total": 779.91},
    ),
    "swedish receipt": Document(
        """\
ICA NÄRA TORGET
Storgatan 12, 111 23 Stockholm
Tel: 08-555 120 30  Org nr: 556123-4567
2024-05-17 12:31  Kassa: 2  Kvitto: 8812

Mjölk 1,5%                 14,90
Knäckebröd                 22,50
Kaffe mellanrost           64,95
Bananer
  0,845 kg * 26,90 kr/kg   22,73

Totalt 4 varor            125,08
Kort                      125,08
Moms 12%    13,40
""",
        ("name", "price"),
        (("Mjölk 1,5%", 14.9), ("Knäckebröd", 22.5), ("Kaffe mellanrost", 64.95), ("Bananer", 22.73)),
        {"total": 125.08},
    ),
    "cv german": Document(
        """\
Lebenslauf
Jonas Keller, geb. 04.07.1990 in Kassel
Goethestr. 44, 34119 Kassel, 0561 555 98

Berufserfahrung
10/2019 - heute    Projektleiter, Hansa Bau AG
03/2016 - 09/2019  Bauingenieur, Hansa Bau AG
08/2014 - 02/2016  Trainee, Nordbau GmbH

Sprachen
Deutsch (Muttersprache), Englisch (C1)

Kassel, 12.03.2024
""",
        ("title", "company"),
        (("Projektleiter", "Hansa Bau AG"), ("Bauingenieur", "Hansa Bau AG"), ("Trainee", "Nordbau GmbH")),
        {"name": "Jonas Keller"},
    ),
    "parcel tracking": Document(
        """\
Parcel 1Z999AA10123456784
To: M. Silva, Porto
Weight 2.4 kg

Status history
12 May 2024, 08:14 - Lisbon - Out for delivery
11 May 2024, 22:40 - Lisbon - Arrived at hub
10 May 2024, 16:05 - Madrid - Departed
9 May 2024, 11:30 - Madrid - Picked up

Help: 800 555 012
""",
        ("status", "city"),
        (("Out for delivery", "Lisbon"), ("Arrived at hub", "Lisbon"), ("Departed", "Madrid"), ("Picked up", "Madrid")),
        {"weight": 2.4},
    ),
    "league table": Document(
        """\
District League North - Round 14
Sunday 17 March 2024

 1. FC Adler          14  32:11  35
 2. SV Blau           14  28:15  30
 3. TSV Cramm         14  25:20  24
 4. VfB Dorn          14  18:25  15
 5. SC Eiche          14  10:42   3

Next round: 24 March 2024, 15:00
Top scorer: Jan Funk (12 goals)
""",
        ("team", "points"),
        (("FC Adler", 35), ("SV Blau", 30), ("TSV Cramm", 24), ("VfB Dorn", 15), ("SC Eiche", 3)),
        {"round": 14},
    ),
    "faq": Document(
        """\
Museum of Clocks
Opening hours: Tue-Sun 10-17
Admission 9 EUR, reduced 5 EUR

Highlights:
• Tower clock of 1512
• The pocket watch of Captain Reed
• A clock made of straw
• Atomic clock CS2

Getting here:
• Tram 4, stop Museum
• Car park P3, 200 places
""",
        ("thing",),
        (
            ("Tower clock of 1512",),
            ("The pocket watch of Captain Reed",),
            ("A clock made of straw",),
            ("Atomic clock CS2",),
        ),
    ),
    "salary slip": Document(
        """\
Payslip June 2024          Employee 00412
Name: Nina Brandt          Tax class I

Earnings
Base salary              3,200.00
Overtime 6 h               150.00
Bonus                      400.00
Gross pay                3,750.00

Deductions
Income tax                 610.20
Health insurance           298.13
Pension                    348.75

Net pay                  2,492.92
""",
        ("name", "amount"),
        (("Base salary", 3200.0), ("Overtime 6 h", 150.0), ("Bonus", 400.0)),
        {"employee": "00412", "net": 2492.92},
    ),
    "russian waybill": Document(
        """\
ООО «Ромашка»   ИНН 7701234567
Накладная № 15 от 03.04.2024

№  Наименование     Кол-во  Цена     Сумма
1  Бумага А4          10    250,00   2500,00
2  Ручка синяя        50     20,00   1000,00
3  Папка              15     45,00    675,00

Итого: 4175,00
Всего наименований 3, на сумму 4175,00 руб.
""",
        ("name", "quantity", "sum"),
        (("Бумага А4", 10, 2500.0), ("Ручка синяя", 50, 1000.0), ("Папка", 15, 675.0)),
        {"number": "15"},
    ),
    "email with csv below": Document(
        """\
Hi Sam,
here are the 3 readings of 4 June, as promised on 1 June.

time,temp,humidity
08:00,18.2,61
12:00,24.9,48
16:00,26.3,44

Best, Kim
Room 14, ext. 220
""",
        ("time", "temp"),
        (("08:00", 18.2), ("12:00", 24.9), ("16:00", 26.3)),
    ),
    "lease inventory": Document(
        """\
Inventory of flat 3B, 18 Rose Street, taken 30.09.2023

Kitchen
Table, 1, good
Chairs, 4, one scratched
Fridge, 1, new

Keys handed over: 3
Meter: 04512 kWh
""",
        ("name", "count"),
        (("Table", 1), ("Chairs", 4), ("Fridge", 1)),
        {"date": "2023-09-30"},
    ),
    "html-ish md list": Document(
        """\
## Changelog

### 2.1.0 (2024-05-02)
- Added dark mode
- Fixed login bug (#212)
- Removed old API

### 2.0.3 (2024-03-11)
- Fixed crash (#198)
- Updated 2 packages
""",
        ("change",),
        (("Added dark mode",), ("Fixed login bug (#212)",), ("Removed old API",)),
        {"version": "2.1.0"},
    ),
    "quarterly table": Document(
        """\
Northern Foods plc
Results 2023 in thousand pounds (page 7)

Region          Q1       Q2       Q3       Q4
Scotland     1,204    1,310    1,288    1,402
Wales          812      790      845      901
Ulster         455      470      462      498
England      5,610    5,702    5,688    6,015
Total        8,081    8,272    8,283    8,816

Source: company accounts 2023; 12 months to 31 December.
""",
        ("region", "q1", "q4"),
        (("Scotland", 1204, 1402), ("Wales", 812, 901), ("Ulster", 455, 498), ("England", 5610, 6015)),
        {"company": "Northern Foods plc"},
    ),
    "garage invoice": Document(
        """\
AUTOHAUS LENZ e.K.
Kfz-Meisterbetrieb  *  Ringstr. 8  *  97070 Würzburg  *  0931 555 60
Rechnung 5512 vom 22.11.2023
Kennzeichen WÜ-AB 123   km-Stand 84.210

Arbeit / Teile               Anzahl    EUR
Ölwechsel                       1     39,00
Motoröl 5W-30, 4,5 l            1     58,50
Ölfilter                        1     12,90
Bremsen prüfen                  1     25,00

Summe netto                          135,40
MwSt 19%                              25,73
Rechnungsbetrag                      161,13
Bitte überweisen Sie bis 06.12.2023
""",
        ("name", "price"),
        (("Ölwechsel", 39.0), ("Motoröl 5W-30, 4,5 l", 58.5), ("Ölfilter", 12.9), ("Bremsen prüfen", 25.0)),
        {"number": "5512", "total": 161.13},
    ),
    "pharmacy receipt": Document(
        """\
Farmacia Centrale
Via Verdi 3 - Parma
P.IVA 00112233445
Doc. 0412-0033  15/02/2024 09:41

TACHIPIRINA 1000MG     5,90
CEROTTI 20PZ           3,45
VITAMINA C             8,20

TOTALE COMPLESSIVO    17,55
di cui IVA             1,60
PAGAMENTO CONTANTE    20,00
RESTO                  2,45
""",
        ("name", "price"),
        (("TACHIPIRINA 1000MG", 5.9), ("CEROTTI 20PZ", 3.45), ("VITAMINA C", 8.2)),
        {"total": 17.55},
    ),
    "train ticket": Document(
        """\
Booking 7KX2P9   2 adults
Issued 3 Apr 2024 for Ms L. Ito

Mon 6 May   Paris Est   07:20   Metz        08:45
Mon 6 May   Metz        09:10   Luxembourg  09:58
Wed 8 May   Luxembourg  17:02   Paris Est   19:15

Total fare 184.00 EUR
Exchange until 5 May 2024
""",
        ("day", "from", "to"),
        (
            ("Mon 6 May", "Paris Est", "Metz"),
            ("Mon 6 May", "Metz", "Luxembourg"),
            ("Wed 8 May", "Luxembourg", "Paris Est"),
        ),
        {"booking": "7KX2P9"},
    ),
    "asset table pipes": Document(
        """\
Asset report 2024-06 | printed 30.06.2024 | page 1

| Tag | Asset | Bought | Value |
|---|---|---|---|
| A1 | Laptop | 2021-03-01 | 400 |
| A2 | Printer | 2019-11-15 | 90 |
| A3 | Van | 2018-05-20 | 7200 |

| Owner | Department | Date | Sign |
|---|---|---|---|
| J. Poe | IT | 2024-06-30 | 1 |
""",
        ("tag", "asset", "value"),
        (("A1", "Laptop", 400), ("A2", "Printer", 90), ("A3", "Van", 7200)),
    ),
    "poem contents": Document(
        """\
Collected Poems, 3rd edition 1998

Contents
The River ................ 7
Morning .................. 12
Two Cranes ............... 19
Snow on Slate ............ 31

ISBN 0 555 12345 6
Printed in Great Britain 10 9 8 7 6
""",
        ("title", "page"),
        (("The River", 7), ("Morning", 12), ("Two Cranes", 19), ("Snow on Slate", 31)),
    ),
    "survey answers": Document(
        """\
Survey 14, n = 212, May 2023

Q: How did you travel?
Car         98   46 %
Train       61   29 %
Bicycle     38   18 %
On foot     15    7 %

Margin of error 3 %
Contact: survey@example.com, 555 0100
""",
        ("answer", "count"),
        (("Car", 98), ("Train", 61), ("Bicycle", 38), ("On foot", 15)),
        {"n": 212},
    ),
    "subcontractor list": Document(
        """\
Anlage 3 zum Vertrag 2022-88
Nachunternehmer:

1) Dachbau Petersen, Kiel (Dach)
2) Elektro Yildiz, Lübeck (Strom)
3) Maler Schön, Kiel (Anstrich)

Kiel, den 4. Oktober 2022
Für den Auftraggeber: 2 Unterschriften
""",
        ("name", "city"),
        (("Dachbau Petersen", "Kiel"), ("Elektro Yildiz", "Lübeck"), ("Maler Schön", "Kiel")),
        {"contract": "2022-88"},
    ),
    "donation letter": Document(
        """\
Dear Mrs Young,

thank you for your 3 gifts in 2023:

14 Feb 2023    50.00
2 June 2023    75.00
19 Dec 2023    100.00

Together 225.00. Our number for tax is 12-3456789.

Yours, Hope House, 77 Mill Lane
""",
        ("date", "amount"),
        (("14 Feb 2023", 50.0), ("2 June 2023", 75.0), ("19 Dec 2023", 100.0)),
        {"year": 2023},
    ),
    "order confirmation html text": Document(
        """\
Your order 303-9981 is on its way
Arriving Friday 7 June

Desk lamp
Qty: 1
$34.99

USB hub
Qty: 2
$41.00

Mouse pad
Qty: 1
$9.50

Order total: $85.49
Ship to: 5 Oak St, Reno
""",
        ("name", "quantity", "price"),
        (("Desk lamp", 1, 34.99), ("USB hub", 2, 41.0), ("Mouse pad", 1, 9.5)),
        {"order": "303-9981", "total": 85.49},
    ),
    "japanese": Document(
        """\
請求書 No. 1182
株式会社さくら 御中
電話 03-5550-1182

品名        数量   金額
ノート       10    1,500
ペン         20    2,400
封筒          5      600

合計               4,500
支払期限 2024年6月30日
""",
        ("name", "quantity", "amount"),
        (("ノート", 10, 1500), ("ペン", 20, 2400), ("封筒", 5, 600)),
        {"number": "1182", "total": 4500},
    ),
}


def schema_of(value: Any) -> dict[str, Any]:
    """A schema that says what a value is."""
    if isinstance(value, dict):
        return {"type": "object", "properties": {key: schema_of(each) for key, each in value.items()}}
    if isinstance(value, list):
        return {"type": "array", "items": schema_of(value[0])}
    return {"type": {str: "string", int: "integer", float: "number"}[type(value)]}


def report_of(document: Document, left_out: Collection[int] = ()) -> ListReport:
    """The report of a document's list without some of its rows."""
    schema = schema_of({**document.others, "rows": document.items})
    data = {**document.others, "rows": [item for at, item in enumerate(document.items) if at not in left_out]}
    source = source_of(document.text)
    reports = completeness(schema, data, source, ground(schema, data, source))
    assert all(each.status in ("complete", "unknown") for each in reports if each.pointer != "/rows")
    return next(each for each in reports if each.pointer == "/rows")


def places_of(document: Document) -> list[int]:
    """Where the first value of each row stands, behind those of the rows before it."""
    places: list[int] = []
    low = document.text.index(document.above)
    for row in document.rows:
        low = document.text.index(str(row[0]), low)
        places.append(low)
        low += len(str(row[0]))
    return places


def seen(document: Document, report: ListReport) -> list[int]:
    """The rows that stand in the gaps of a report."""
    return [
        at for at, place in enumerate(places_of(document)) if any(gap.start <= place < gap.end for gap in report.gaps)
    ]


UNSURE = {
    "CV, jobs": "the schools are built as the jobs are, under a heading of their own",
    "markdown table and another": "two tables under equal headers",
    "publications": "the talks are numbered too",
    "school report": "the average over all subjects is written as that of one",
    "quote with options": "rows behind the sum",
    "garage invoice": "the amount due is written as a row is, behind the sum",
    "lease inventory": "the line behind the rows is built as they are",
}
"""Documents of whose lists it cannot be told that they are complete, and why."""

UNSEEN = {"address list, blocks": "one line tells no block", "swedish receipt": "the price is on another line"}
"""Documents of whose rows it cannot always be told that they are missing, and why."""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_false_alarm(name: str) -> None:
    """Of a list with all rows nothing is missing, whatever stands around it."""
    report = report_of(DOCUMENTS[name])
    assert (report.lacking, report.gaps) == (0, ())
    assert report.status == ("unknown" if name in UNSURE else "complete")


def dropped(count: int) -> Iterator[set[int]]:
    """Rows to leave out of a list: each, any two that are beside each other, the second half."""
    yield from ({row} for row in range(count))
    if count > 3:
        yield from ({row, row + 1} for row in range(count - 1))
        yield {*range(count // 2, count)}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_was_dropped_is_seen(name: str) -> None:
    """Just the rows that were left out are missing, those at the beginning, in the middle and at the end."""
    document = DOCUMENTS[name]
    for rows in dropped(len(document.rows)):
        report = report_of(document, rows)
        if report.status == "unknown" or name in UNSEEN:
            assert name in UNSEEN or document.groups
            assert report.status != "complete"
            continue
        assert (report.status, seen(document, report)) == ("incomplete", sorted(rows)), rows
        assert sum(gap.rows for gap in report.gaps) == len(rows), rows
        assert report.expected == len(document.rows), rows
