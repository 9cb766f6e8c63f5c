"""What the simulated declarations declare: sixteen HS codes in eight families of two that are easily taken for another.

The texts are those of the Harmonized System, edition 2022, shortened to what sets the subheading apart. In four
families a picture can't tell the two codes apart and words (a material, a kind of tea) do; in the other four sellers'
words are the same and the picture tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LANGUAGES = ("en", "fr", "de", "nl", "es")

Told = Literal["text", "picture"]


@dataclass(frozen=True)
class Product:
    """Something that is sold: the OpenMoji drawings of it, and its names, `LANGUAGES` in order, parted by bars."""

    drawings: str
    names: str

    def name(self, language: str) -> str:
        """What it is called in a language."""
        return self.names.split("|")[LANGUAGES.index(language)]


@dataclass(frozen=True)
class Code:
    """A subheading: its official text, how often it is declared, its products, and the words that give it away.

    `traits`: per language, parted by bars, and several by commas; `leaf`: the last step of its category path.
    """

    hs6: str
    text: str
    share: float
    products: tuple[Product, ...]
    traits: str
    leaf: str


@dataclass(frozen=True)
class Family:
    """Two codes that share words (told apart by the picture) or pictures (told apart by the text)."""

    name: str
    told_by: Told
    codes: tuple[Code, Code]
    generic: str
    """Names that fit both codes: per language, parted by bars, and several by commas."""
    path: str
    """The category path above the last step, per language, parted by bars."""
    leaf: str
    """The last step where it fits both codes, per language, parted by bars."""
    details: tuple[str, ...]
    """What is written behind the name: sizes, powers, contents."""
    any_colour: bool = False
    """Whether such products come in any colour, so that a picture's colour says nothing."""
    names_colours: bool = True
    """Whether sellers name the colour (of tea it would be the kind)."""


def of_language(words: str, language: str) -> tuple[str, ...]:
    """The words of one language.

    >>> of_language("cup,mug|tasse|Tasse|kop|taza", "en")
    ('cup', 'mug')
    """
    return tuple(words.split("|")[LANGUAGES.index(language)].split(","))


_SHIRTS = (
    Product("1F455", "t-shirt|t-shirt|T-Shirt|t-shirt|camiseta"),
    Product("1F3BD", "running vest|débardeur|Trägershirt|hemd mouwloos|camiseta sin mangas"),
    Product("1F45A", "short sleeve top|haut manches courtes|Kurzarmshirt|shirt korte mouw|top manga corta"),
)
_BAGS = (
    Product("1F45C", "handbag|sac à main|Handtasche|handtas|bolso de mano"),
    Product("1F45D", "clutch bag|pochette|Clutch|clutch tas|bolso clutch"),
    Product("1F45B", "shoulder bag|sac bandoulière|Umhängetasche|schoudertas|bolso bandolera"),
)
_SHOES = (
    Product("1F45E", "men's shoes|chaussures homme|Herrenschuhe|herenschoenen|zapatos hombre"),
    Product("1F97F", "ballerina flats|ballerines|Ballerinas|ballerina's|bailarinas"),
    Product("1F460", "high heels|escarpins|Pumps|pumps|zapatos de tacón"),
    Product("1F461", "sandals|sandales|Sandalen|sandalen|sandalias"),
)
_TEAS = (
    Product("1F375", "tea|thé|Tee|thee|té"),
    Product("1FAD6", "loose leaf tea|thé en vrac|loser Tee|losse thee|té a granel"),
    Product("1F343", "tea leaves|feuilles de thé|Teeblätter|theebladeren|hojas de té"),
    Product("2615", "tea bags|sachets de thé|Teebeutel|theezakjes|bolsitas de té"),
)

FAMILIES = (
    Family(
        "T-shirts",
        "text",
        (
            Code("610910", "T-shirts, singlets and other vests, knitted or crocheted, of cotton", 0.085, _SHIRTS,
                 "cotton,100% cotton,organic cotton|coton,100% coton|Baumwolle,100% Baumwolle|katoen,100% katoen|"
                 "algodón,100% algodón",
                 "Cotton T-shirts|T-shirts en coton|Baumwoll-T-Shirts|Katoenen T-shirts|Camisetas de algodón"),
            Code("610990", "T-shirts, singlets and other vests, knitted or crocheted, of other textile materials",
                 0.055, _SHIRTS,
                 "polyester,cotton feel polyester,viscose,quick dry nylon|polyester,viscose,aspect coton polyester|"
                 "Polyester,Viskose,Polyester wie Baumwolle|polyester,viscose,katoenlook polyester|"
                 "poliéster,viscosa,poliéster tacto algodón",
                 "Sports tops polyester|Maillots polyester|Funktionsshirts|Sportshirts|Camisetas técnicas"),
        ),
        "t-shirt,shirt,top,tee|t-shirt,haut|Shirt,Oberteil|shirt,top|camiseta,top",
        "Clothing > Tops|Vêtements > Hauts|Bekleidung > Oberteile|Kleding > Bovenkleding|Ropa > Tops",
        "T-shirts|T-shirts|T-Shirts|T-shirts|Camisetas",
        ("S", "M", "L", "XL", "XXL", "size 38", "size 42", "3 pack"),
        any_colour=True,
    ),
    Family(
        "handbags",
        "text",
        (
            Code("420221", "Handbags, with outer surface of leather or of composition leather", 0.045, _BAGS,
                 "genuine leather,cowhide,real leather,suede leather|cuir véritable,cuir de vachette|"
                 "echtes Leder,Rindsleder|echt leer,rundleer|piel auténtica,cuero",
                 "Leather handbags|Sacs en cuir|Lederhandtaschen|Leren handtassen|Bolsos de piel"),
            Code("420222", "Handbags, with outer surface of sheeting of plastics or of textile materials",
                 0.09, _BAGS,
                 "pu leather,vegan leather,canvas,nylon,polyester|simili cuir,toile,nylon|Kunstleder,Canvas,Nylon|"
                 "kunstleer,canvas,nylon|piel sintética,lona,nailon",
                 "Canvas & faux leather bags|Sacs en toile|Stofftaschen|Stoffen tassen|Bolsos de tela"),
        ),
        "bag,ladies bag,fashion bag|sac,sac femme|Tasche,Damentasche|tas,damestas|bolso,bolso mujer",
        "Accessories > Bags|Accessoires > Sacs|Accessoires > Taschen|Accessoires > Tassen|Complementos > Bolsos",
        "Women's bags|Sacs femme|Damentaschen|Damestassen|Bolsos mujer",
        ("small", "medium", "large", "with zip", "crossbody", "25 cm", "30 cm"),
        any_colour=True,
    ),
    Family(
        "footwear",
        "text",
        (
            Code("640399", "Footwear with outer soles of rubber or plastics and uppers of leather, below the ankle",
                 0.08, _SHOES,
                 "leather,genuine leather,leather upper,nubuck|cuir,dessus cuir|Leder,Echtleder,Obermaterial Leder|"
                 "leer,leren bovenwerk|piel,cuero",
                 "Leather shoes|Chaussures en cuir|Lederschuhe|Leren schoenen|Zapatos de piel"),
            Code("640419", "Footwear with outer soles of rubber or plastics and uppers of textile materials, not for "
                 "sports", 0.06, _SHOES,
                 "canvas,textile upper,leather look textile,mesh|toile,dessus textile|Canvas,Textil,Obermaterial "
                 "Textil|canvas,textiel|lona,textil",
                 "Canvas shoes|Chaussures en toile|Stoffschuhe|Stoffen schoenen|Zapatos de lona"),
        ),
        "shoes,footwear,casual shoes|chaussures,chaussures ville|Schuhe,Freizeitschuhe|schoenen,schoeisel|"
        "zapatos,calzado",
        "Shoes > All shoes|Chaussures > Toutes|Schuhe > Alle Schuhe|Schoenen > Alle|Zapatos > Todos",
        "Casual shoes|Chaussures de ville|Freizeitschuhe|Vrijetijdsschoenen|Zapatos casual",
        ("eu 37", "eu 39", "eu 41", "eu 43", "rubber sole", "1 pair", "wide fit"),
        any_colour=True,
    ),
    Family(
        "tea",
        "text",
        (
            Code("090210", "Green tea (not fermented) in immediate packings of a content not exceeding 3 kg",
                 0.045, _TEAS,
                 "green,sencha,matcha,jasmine green|vert,sencha,vert à la menthe|grün,Grüntee,Sencha|groen,groene,"
                 "sencha|verde,sencha",
                 "Green tea|Thé vert|Grüner Tee|Groene thee|Té verde"),
            Code("090230", "Black tea (fermented) and partly fermented tea in immediate packings of a content not "
                 "exceeding 3 kg", 0.05, _TEAS,
                 "black,earl grey,assam,oolong|noir,earl grey,darjeeling|schwarz,Schwarztee,Assam|zwart,zwarte,"
                 "earl grey|negro,rojo,earl grey",
                 "Black tea|Thé noir|Schwarzer Tee|Zwarte thee|Té negro"),
        ),
        "tea,organic tea,chinese tea|thé,thé bio|Tee,Biotee|thee,biologische thee|té,té ecológico",
        "Food & drink > Hot drinks|Épicerie > Boissons chaudes|Lebensmittel > Heißgetränke|"
        "Eten & drinken > Warme dranken|Alimentación > Bebidas calientes",
        "Tea|Thé|Tee|Thee|Té",
        ("100 g", "250 g", "500 g", "20 bags", "50 bags", "1 kg", "gift tin"),
        names_colours=False,
    ),
    Family(
        "power",
        "picture",
        (
            Code("854442", "Electric conductors for a voltage not exceeding 1,000 V, fitted with connectors",
                 0.1,
                 (Product("1F50C", "mains cable|câble d'alimentation|Netzkabel|netsnoer|cable de alimentación"),
                  Product("E1CB", "usb cable|câble usb|USB-Kabel|usb-kabel|cable usb"),
                  Product("E0AA", "charging cord|cordon de charge|Ladekabel|oplaadkabel|cable cargador")),
                 "cable,cord,lead|câble,cordon|Kabel|kabel,snoer|cable",
                 "Cables|Câbles|Kabel|Kabels|Cables"),
            Code("850760", "Lithium-ion accumulators", 0.06,
                 (Product("1F50B", "power bank|batterie externe|Powerbank|powerbank|batería externa"),
                  Product("1FAAB", "spare battery|batterie de rechange|Ersatzakku|vervangaccu|batería de repuesto"),
                  Product("E097", "battery pack|pack batterie|Akkupack|accupack|pack de batería")),
                 "battery,accumulator,li-ion|batterie,accu|Akku,Batterie|accu,batterij|batería",
                 "Power banks & batteries|Batteries|Akkus|Accu's|Baterías"),
        ),
        "usb type usb,usb charge,type c usb,phone charge|usb type usb,charge usb,usb type c|USB Typ USB,USB Laden,"
        "Typ C|usb type usb,usb laden|usb tipo usb,carga usb",
        "Electronics > Phone accessories|High-tech > Accessoires téléphone|Elektronik > Handyzubehör|"
        "Elektronica > Telefoonaccessoires|Electrónica > Accesorios móvil",
        "Charging|Recharge|Laden|Opladen|Carga",
        ("5v 2a", "type c", "usb 3.0", "fast charge", "20w", "universal", "for samsung", "for iphone"),
    ),
    Family(
        "telephones",
        "picture",
        (
            Code("851713", "Smartphones", 0.09,
                 (Product("1F4F1", "smartphone|smartphone|Smartphone|smartphone|smartphone"),
                  Product("1F4F3", "android phone|téléphone android|Android-Handy|android telefoon|móvil android"),
                  Product("E095", "touchscreen mobile|mobile tactile|Touch-Handy|touchscreen mobiel|móvil táctil"),
                  Product("E096", "dual sim mobile|mobile double sim|Dual-SIM-Handy|dual sim mobiel|móvil dual sim")),
                 "smartphone,mobile|smartphone,mobile|Smartphone,Handy|smartphone,mobiel|smartphone,móvil",
                 "Smartphones|Smartphones|Smartphones|Smartphones|Smartphones"),
            Code("851718", "Telephone sets, other than cordless line sets and telephones for wireless networks", 0.045,
                 (Product("260E", "desk telephone|téléphone fixe|Tischtelefon|bureautelefoon|teléfono fijo"),
                  Product("1F4DE", "corded receiver|combiné filaire|Telefonhörer|telefoonhoorn|auricular de teléfono")),
                 "landline,corded,desk|fixe,filaire|Festnetz,schnurgebunden|vaste lijn,bedraad|fijo,de mesa",
                 "Landline phones|Téléphones fixes|Festnetztelefone|Vaste telefoons|Teléfonos fijos"),
        ),
        "phone,phone set,telephone handset|téléphone,poste téléphone|Telefon,Telefongerät|telefoon,toestel|"
        "teléfono,aparato teléfono",
        "Electronics > Telephony|High-tech > Téléphonie|Elektronik > Telefonie|Elektronica > Telefonie|"
        "Electrónica > Telefonía",
        "Phones|Téléphones|Telefone|Telefoons|Teléfonos",
        ("black", "with display", "model a12", "model x5", "loud ring", "unlocked", "refurbished"),
    ),
    Family(
        "instruments",
        "picture",
        (
            Code("920290", "String musical instruments, other than those played with a bow", 0.045,
                 (Product("1F3B8", "guitar|guitare|Gitarre|gitaar|guitarra"),
                  Product("1FA95", "banjo|banjo|Banjo|banjo|banjo"),
                  Product("1FA89", "harp|harpe|Harfe|harp|arpa")),
                 "string,six strings,plucked|à cordes,six cordes|Saiten,gezupft|snaren,zes snaren|cuerda,seis cuerdas",
                 "String instruments|Instruments à cordes|Saiteninstrumente|Snaarinstrumenten|Instrumentos de cuerda"),
            Code("920590", "Wind musical instruments, other than brass-wind instruments", 0.04,
                 (Product("1F3B7", "saxophone|saxophone|Saxofon|saxofoon|saxofón"),
                  Product("1FA88", "flute|flûte|Flöte|fluit|flauta"),
                  Product("1FA97", "accordion|accordéon|Akkordeon|accordeon|acordeón")),
                 "wind,reed,blown|à vent,à anche|Blas,Rohrblatt|blaas,riet|de viento,de lengüeta",
                 "Wind instruments|Instruments à vent|Blasinstrumente|Blaasinstrumenten|Instrumentos de viento"),
        ),
        "musical instrument,instrument,music set|instrument de musique,instrument|Musikinstrument,Instrument|"
        "muziekinstrument,instrument|instrumento musical,instrumento",
        "Music > Instruments|Musique > Instruments|Musik > Instrumente|Muziek > Instrumenten|Música > Instrumentos",
        "For beginners|Pour débutants|Für Einsteiger|Voor beginners|Para principiantes",
        ("with case", "full size", "for kids", "student", "with bag", "beginner set"),
    ),
    Family(
        "play",
        "picture",
        (
            Code("950300", "Wheeled toys, dolls, other toys, scale models and puzzles", 0.07,
                 (Product("1F9F8", "teddy bear|ours en peluche|Teddybär|teddybeer|oso de peluche"),
                  Product("1F9E9", "jigsaw puzzle|puzzle|Puzzle|puzzel|puzle"),
                  Product("1FA80", "yo-yo|yo-yo|Jo-Jo|jojo|yoyó"),
                  Product("1FA81", "kite|cerf-volant|Drachen|vlieger|cometa"),
                  Product("1FA86", "nesting dolls|poupées russes|Matroschka|matroesjka|muñecas rusas"),
                  Product("1F6F4", "kids scooter|trottinette enfant|Kinderroller|kinderstep|patinete infantil")),
                 "toy,plush,doll|jouet,peluche|Spielzeug,Plüsch|speelgoed,pluche|juguete,peluche",
                 "Toys|Jouets|Spielwaren|Speelgoed|Juguetes"),
            Code("950662", "Inflatable balls", 0.04,
                 (Product("26BD", "football|ballon de football|Fußball|voetbal|balón de fútbol"),
                  Product("1F3C0", "basketball|ballon de basket|Basketball|basketbal|balón de baloncesto"),
                  Product("1F3D0", "volleyball|ballon de volley|Volleyball|volleybal|balón de voleibol"),
                  Product("1F3C9", "rugby ball|ballon de rugby|Rugbyball|rugbybal|balón de rugby")),
                 "ball,inflatable|ballon,gonflable|Ball,aufblasbar|bal,opblaasbaar|balón,hinchable",
                 "Balls|Ballons|Bälle|Ballen|Balones"),
        ),
        "kids play,outdoor play,kids gift,game set|jeu enfant,jeu plein air,cadeau enfant|Kinderspiel,Outdoor Spiel|"
        "kinderspel,buitenspel|juego niños,juego exterior",
        "Toys & sport > Outdoor|Jouets & sport > Plein air|Spielzeug & Sport > Draußen|Speelgoed & sport > Buiten|"
        "Juguetes y deporte > Exterior",
        "Games for kids|Jeux enfants|Kinderspiele|Kinderspellen|Juegos niños",
        ("age 3+", "age 6+", "size 5", "indoor outdoor", "gift", "1 pc", "colourful"),
    ),
)  # fmt: skip

CODES: tuple[Code, ...] = tuple(code for family in FAMILIES for code in family.codes)
FAMILY_OF = {code.hs6: family for family in FAMILIES for code in family.codes}
PARTNER_OF = {
    code.hs6: other.hs6 for family in FAMILIES for code, other in zip(family.codes, reversed(family.codes), strict=True)
}
"""The code that each one is most easily taken for."""
