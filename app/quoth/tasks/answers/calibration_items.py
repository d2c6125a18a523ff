"""Short texts, each with a question that it answers and one about the same thing that it does not."""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """A text, what it says, and what it does not say."""

    text: str
    answered: str
    absent: str


ITEMS: tuple[Item, ...] = (
    Item(
        "The ferry to Lund Island leaves from pier four at ten past nine every morning except Sunday. The crossing "
        "takes fifty minutes, and bicycles travel free of charge.",
        "How long does the crossing take?",
        "How many passengers can the ferry carry?",
    ),
    Item(
        "The library was founded in 1887 by the teacher Agnes Holt, who gave it two hundred of her own books. It moved "
        "to the old mill in 1931 and has stayed there since.",
        "Who founded the library?",
        "Who is the librarian today?",
    ),
    Item(
        "Members may borrow up to six tools at a time. Tools that are returned late cost one euro for each day, and a "
        "member who loses a tool replaces it.",
        "What does it cost to return a tool late?",
        "How much is the yearly fee for members?",
    ),
    Item(
        "To reset the heater, hold the red button for five seconds until the lamp turns green. If the lamp blinks, the "
        "water pressure is too low and the valve below the tank must be opened.",
        "What does a blinking lamp mean?",
        "How much power does the heater use?",
    ),
    Item(
        "The committee met on 3 May and approved the budget with seven votes to two. Mr Okafor will present the plans "
        "for the new playground at the next meeting.",
        "With how many votes was the budget approved?",
        "Who voted against the budget?",
    ),
    Item(
        "Barn owls hunt at night, mostly for voles. A pair raises four to six young, which leave the nest after about "
        "two months. In hard winters many owls starve because snow hides their prey.",
        "What do barn owls mostly hunt?",
        "How old does a barn owl become?",
    ),
    Item(
        "The option --retries sets how often a failed download is tried again; the default is 3. With --quiet only "
        "errors are printed. The log file is kept in the user's cache folder.",
        "How often is a failed download tried again by default?",
        "How long does the program wait between two tries?",
    ),
    Item(
        "Guests check in between three and eight in the evening. Dogs are welcome in the rooms on the ground floor. "
        "Breakfast is served in the garden from May to September.",
        "Where are dogs allowed?",
        "What does breakfast cost?",
    ),
    Item(
        "The bridge was closed in March after an engineer found cracks in two of its cables. Repairs will last until "
        "autumn; until then lorries are sent over the northern road.",
        "Why was the bridge closed?",
        "How much will the repairs cost?",
    ),
    Item(
        "Version 4.2 reads files of the old format but no longer writes them. The converter was removed because nobody "
        "maintained it. Plug-ins must be built again for this version.",
        "Why was the converter removed?",
        "When was version 4.2 released?",
    ),
    Item(
        "Marta took the last train to Graz and slept through her stop. The guard woke her in Maribor, where she drank "
        "a coffee in the empty station and waited for the morning.",
        "Where did the guard wake Marta?",
        "Why did Marta travel to Graz?",
    ),
    Item(
        "Soak the beans overnight and cook them for ninety minutes without salt. Add the onions and the tomatoes, then "
        "simmer everything for another half hour. The stew keeps for four days.",
        "How long does the stew keep?",
        "How many people does the recipe serve?",
    ),
    Item(
        "The licence allows you to copy and change the program. Changed versions must carry a different name and say "
        "who changed them. There is no warranty of any kind.",
        "What must changed versions carry?",
        "In which country was the licence written?",
    ),
    Item(
        "The lake is eleven kilometres long and at most forty metres deep. Three rivers flow into it, and only one, "
        "the Ister, leaves it. It freezes over about once in ten years.",
        "Which river leaves the lake?",
        "How warm is the lake in summer?",
    ),
    Item(
        "Der Verein hat 84 Mitglieder und trifft sich jeden zweiten Dienstag im Gasthof Linde. Der Beitrag beträgt 30 "
        "Euro im Jahr; Schüler zahlen die Hälfte.",
        "Wo trifft sich der Verein?",
        "Wer leitet den Verein?",
    ),
    Item(
        "Das Gerät darf nur mit dem beiliegenden Netzteil betrieben werden. Bei Überhitzung schaltet es sich ab und "
        "lässt sich erst nach zwanzig Minuten wieder einschalten.",
        "Wann lässt sich das Gerät nach einer Überhitzung wieder einschalten?",
        "Wie schwer ist das Gerät?",
    ),
    Item(
        "Le musée est ouvert tous les jours sauf le lundi, de dix heures à dix-huit heures. L'entrée est gratuite le "
        "premier dimanche du mois, et la salle des cartes se trouve au deuxième étage.",
        "Quel jour le musée est-il fermé ?",
        "Qui a construit le musée ?",
    ),
    Item(
        "La tempête a abattu trois cents arbres dans la forêt communale. Les sentiers du nord restent fermés jusqu'en "
        "avril, car les équipes manquent de machines.",
        "Combien d'arbres la tempête a-t-elle abattus ?",
        "À quelle vitesse soufflait le vent ?",
    ),
    Item(
        "这家茶馆建于1912年,位于河边的老街上。二楼有十二张桌子,周末晚上有人说书。茶馆每周一休息。",
        "茶馆哪一天休息?",
        "一壶茶多少钱?",
    ),
    Item(
        "安装程序会先检查磁盘空间,至少需要两百兆字节。如果空间不足,它会停止并给出提示。安装完成后需要重新启动。",
        "安装至少需要多少磁盘空间?",
        "安装程序是谁编写的?",
    ),
)
