"""How six locales call things, and how they write numbers and dates: for documents that are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["LOCALES", "Locale"]


@dataclass(frozen=True, kw_only=True)
class Locale:
    """How a locale calls things and writes them."""

    code: str
    people: Sequence[str]
    firms: Sequence[str]
    streets: Sequence[str]
    towns: Sequence[str]
    goods: Sequence[str]
    words: Sequence[str]
    labels: Mapping[str, str]
    months: Sequence[str]
    marks: Sequence[tuple[str, str]]
    day: Sequence[str]
    currency: str
    space: str = " "
    digits: str = "0123456789"


def _split(text: str, mark: str = "|") -> list[str]:
    return [each.strip() for each in text.split(mark)]


_KEYS = _split(
    "invoice|number|date|due|vendor|customer|item|quantity|price|amount|subtotal|tax|total|agreement|between|and|dated|"
    "term|months|rent|deposit|dear|regards|meeting|place|phone|pay|account"
)


def _labels(text: str) -> Mapping[str, str]:
    return dict(zip(_KEYS, _split(text), strict=True))


LOCALES = (
    Locale(
        code="en",
        people=_split(
            "Margaret Holloway|James O'Brien|Priya Raman|Thomas Whitfield|Eleanor Vance|Samuel Pettigrew|"
            "Grace Lindqvist|Oliver Ashworth|Hannah Beaumont|Victor Okafor"
        ),
        firms=_split(
            "Northwind Traders Ltd|Bluebird Logistics Inc.|Harcourt & Sons|Pinnacle Software LLC|Greenleaf Foods Co.|"
            "Atlas Marine Supply|Quarry Lane Partners"
        ),
        streets=_split("Elm Street|Baker Road|Kingsway|Old Mill Lane|Harbour View|Station Avenue"),
        towns=_split("Springfield|Bristol|Leeds|Halifax|Dover|Cambridge"),
        goods=_split(
            "Steel bolt M8|Copper wire 2mm|Office chair|Printer paper A4|LED lamp|Garden hose|Oak shelf|Desk fan|"
            "Water filter|Rubber gasket|Safety gloves|Paint brush"
        ),
        words=_split(
            "the parties agree that delivery will take place within reasonable time and that any changes must "
            "be made in "
            "writing we thank you for your order and look forward to working with your team on this matter as "
            "discussed",
            " ",
        ),
        labels=_labels(
            "Invoice|No.|Date|Due date|From|Bill to|Item|Qty|Price|Amount|Subtotal|VAT|Total|Agreement|"
            "between|and|dated|"
            "term|months|monthly rent|deposit|Dear|Kind regards|We will meet on|at|Phone|Please pay|Account"
        ),
        months=_split("January|February|March|April|May|June|July|August|September|October|November|December"),
        marks=((",", "."), ("", ".")),
        day=("{d} {n} {y}", "{n} {d}, {y}", "{m:02}/{d:02}/{y}", "{d:02}/{m:02}/{y}", "{d}-{a}-{s:02}"),
        currency="$",
    ),
    Locale(
        code="de",
        people=_split(
            "Jürgen Großmann|Käthe Schäfer|Heinrich Vogelsang|Annegret Müller|Dieter Weiß|Ulrike Bösch|Rainer Köhler|"
            "Sabine Thürmer"
        ),
        firms=_split(
            "Müller & Söhne GmbH|Hanseatische Kühlhaus AG|Süddeutsche Fräswerke|Bäckerei Löwenzahn|Rheintal Logistik KG"
        ),
        streets=_split("Hauptstraße|Gartenweg|Mühlenallee|Am Alten Markt|Schloßplatz"),
        towns=_split("Köln|München|Göttingen|Lübeck|Würzburg"),
        goods=_split(
            "Stahlschraube M8|Kupferdraht|Bürostuhl|Druckerpapier|Glühlampe|Gartenschlauch|Eichenregal|Wasserfilter|"
            "Gummidichtung|Pinsel"
        ),
        words=_split(
            "die parteien vereinbaren dass die lieferung innerhalb angemessener frist erfolgt und änderungen der "
            "schriftform bedürfen wir danken für ihren auftrag und freuen uns auf die zusammenarbeit mit ihnen",
            " ",
        ),
        labels=_labels(
            "Rechnung|Nr.|Datum|Fällig am|Von|Kunde|Artikel|Menge|Preis|Betrag|Zwischensumme|USt.|Gesamtbetrag|Vertrag|"
            "zwischen|und|vom|Laufzeit|Monate|Monatsmiete|Kaution|Sehr geehrte Frau|Mit freundlichen Grüßen|"
            "Wir treffen uns am|in|Telefon|Bitte zahlen Sie|Konto"
        ),
        months=_split("Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"),
        marks=((".", ","), (" ", ","), ("", ",")),
        day=("{d}. {n} {y}", "{d:02}.{m:02}.{y}", "{d}.{m}.{s:02}"),
        currency="€",
    ),
    Locale(
        code="fr",
        people=_split(
            "Hélène Château|François Lefèvre|Benoît Garçon|Zoé Marchand|Théo Delacroix|Aurélie Noël|Gérard Moulin"
        ),
        firms=_split(
            "Société Générale des Eaux|Boulangerie L'Épi d'Or|Ateliers Rivière SARL|Maison Clément|Verrerie du Lac"
        ),
        streets=_split("rue de l'Église|avenue Victor Hugo|boulevard Saint-Michel|place du Marché"),
        towns=_split("Besançon|Orléans|Nîmes|Saint-Étienne|Angoulême"),
        goods=_split(
            "Vis en acier|Fil de cuivre|Chaise de bureau|Papier A4|Ampoule|Tuyau d'arrosage|Étagère en chêne|"
            "Filtre à eau"
        ),
        words=_split(
            "les parties conviennent que la livraison aura lieu dans un délai raisonnable et que toute "
            "modification sera "
            "faite par écrit nous vous remercions de votre commande et restons à votre disposition pour cette affaire",
            " ",
        ),
        labels=_labels(
            "Facture|n°|Date|Échéance|De|Client|Article|Qté|Prix|Montant|Sous-total|TVA|Total|Contrat|entre|"
            "et|du|durée|"
            "mois|loyer mensuel|dépôt|Chère Madame|Cordialement|Nous nous réunirons le|à|Téléphone|"
            "Veuillez payer|Compte"
        ),
        months=_split("janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"),
        marks=((" ", ","), ("\u202f", ","), ("\u00a0", ",")),
        day=("{d} {n} {y}", "{d:02}/{m:02}/{y}"),
        currency="€",
    ),
    Locale(
        code="zh",
        people=_split("王小明|李秀英|张伟强|陈美玲|刘建国|赵雅芝|周文博"),
        firms=_split("东方贸易有限公司|长城机械厂|蓝海物流集团|新华电子股份公司|金桥食品公司"),
        streets=_split("人民路|解放大街|南京西路|中山北路"),
        towns=_split("上海市|杭州市|成都市|广州市"),
        goods=_split("不锈钢螺丝|铜线|办公椅|打印纸|节能灯|花园水管|净水器|橡胶垫圈|安全手套"),
        words=_split("双方 同意 在 合理 时间 内 交付 并 以 书面 形式 作出 任何 更改 感谢 贵方 的 订单 期待 合作", " "),
        labels=_labels(
            "发票|编号|日期|到期日|供应商|客户|品名|数量|单价|金额|小计|税额|合计|合同|甲方|乙方|签订于|期限|个月|月租|"
            "押金|尊敬的|此致敬礼|会议日期|地点|电话|请支付|账号"
        ),
        months=[str(number) for number in range(1, 13)],
        marks=((",", "."), ("", ".")),
        day=("{y}年{m}月{d}日", "{y}-{m:02}-{d:02}", "{y}/{m}/{d}"),
        currency="元",
        space="",
    ),
    Locale(
        code="ar",
        people=_split("محمد الأحمد|فاطمة الزهراء|خالد العمري|ليلى حداد|يوسف النجار|سارة القاسم"),
        firms=_split("شركة النور للتجارة|مؤسسة الخليج|مصنع الأمل للحديد|مجموعة الشرق"),
        streets=_split("شارع الملك فيصل|شارع النيل|طريق المطار"),
        towns=_split("القاهرة|دمشق|عمان|الرياض"),
        goods=_split("مسمار حديد|سلك نحاس|كرسي مكتب|ورق طباعة|مصباح|خرطوم حديقة|مرشح ماء"),
        words=_split(
            "يتفق الطرفان على أن يتم التسليم خلال مدة معقولة وأن تكون أي تعديلات كتابية نشكركم على طلبكم", " "
        ),
        labels=_labels(
            "فاتورة|رقم|التاريخ|تاريخ الاستحقاق|من|العميل|الصنف|الكمية|السعر|المبلغ|المجموع الفرعي|الضريبة|"
            "الإجمالي|عقد|بين|"
            "و|بتاريخ|مدة|شهر|الإيجار الشهري|تأمين|عزيزي|مع التحية|سنلتقي في|في|هاتف|يرجى دفع|حساب"
        ),
        months=_split("يناير|فبراير|مارس|أبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر|ديسمبر"),
        marks=(("٬", "٫"), ("", "٫")),
        day=("{d} {n} {y}", "{d:02}/{m:02}/{y}"),
        currency="د.إ",
        digits="٠١٢٣٤٥٦٧٨٩",
    ),
    Locale(
        code="he",
        people=_split("משה כהן|רבקה לוי|יוסף מזרחי|דינה פרידמן|אברהם שפירא|נועה ברק"),
        firms=_split("תעשיות הגליל בע״מ|מסחר ירושלים|חברת השקמה|מאפיית אורן"),
        streets=_split("רחוב הרצל|שדרות רוטשילד|רחוב הנביאים"),
        towns=_split("תל אביב|חיפה|באר שבע|נתניה"),
        goods=_split("בורג פלדה|חוט נחושת|כיסא משרדי|נייר מדפסת|נורה|צינור גינה|מסנן מים"),
        words=_split(
            "הצדדים מסכימים כי האספקה תתבצע בתוך זמן סביר וכי כל שינוי ייעשה בכתב אנו מודים לכם על ההזמנה", " "
        ),
        labels=_labels(
            "חשבונית|מספר|תאריך|לתשלום עד|מאת|לקוח|פריט|כמות|מחיר|סכום|סכום ביניים|מע״מ|סה״כ|חוזה|בין|ובין|מיום|תקופה|"
            "חודשים|שכר דירה|פיקדון|שלום|בברכה|ניפגש ביום|במקום|טלפון|נא לשלם|חשבון"
        ),
        months=_split("ינואר|פברואר|מרץ|אפריל|מאי|יוני|יולי|אוגוסט|ספטמבר|אוקטובר|נובמבר|דצמבר"),
        marks=((",", "."),),
        day=("{d} ב{n} {y}", "{d:02}/{m:02}/{y}", "{d}.{m}.{y}"),
        currency="₪",
    ),
)
