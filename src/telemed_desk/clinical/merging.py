"""When two versions of a note may become one without asking: seldom.

Two people who write in different sections at the same time are no conflict, as long as neither
touched a number, a unit, a medicine or a side of the body. A merge that is wrong there harms
somebody, and nobody would look at it again; everything else stands side by side until a clinician
has read both. There is no merging inside a section: two edits of one dose would make a third dose.
"""

import difflib
import re
from typing import Final

from telemed_desk.clinical.notes import NoteText, Section

_WORD: Final = re.compile(r"[^\W\d_]+|\d+|\S", re.UNICODE)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UNITS: Final = _words(
    "mg g kg mcg µg ug ng ml l dl mmol mol iu meq cm mm m mmhg bpm kcal cal units unit "
    "tablet tablets tab tabs capsule capsules cap caps drop drops puff puffs spoon spoons "
    "teaspoon tsp tbsp vial vials ampoule ampoules sachet sachets dose doses "
    "daily bd tds qid od prn stat hourly weekly monthly nocte mane hour hours day days week weeks "
    "month months year years minute minutes percent "
    "kidonge vidonge tembe matone kijiko vijiko siku wiki mwezi miezi saa dakika mara"
)
_NUMBERS: Final = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred thousand half quarter third double triple once twice thrice "
    "sifuri moja mbili tatu nne tano sita saba nane tisa kumi ishirini thelathini arobaini hamsini "
    "sitini sabini themanini tisini mia elfu nusu robo"
)
_SIDES: Final = _words(
    "left right l r lt rt bilateral bilaterally both unilateral ipsilateral contralateral "
    "upper lower medial lateral proximal distal anterior posterior "
    "kushoto kulia pande juu chini"
)
_MEDICINES: Final = _words(
    "aspirin paracetamol acetaminophen ibuprofen diclofenac morphine codeine tramadol insulin "
    "metformin glibenclamide heparin warfarin digoxin furosemide prednisolone hydrocortisone "
    "dexamethasone adrenaline epinephrine salbutamol albendazole quinine artesunate coartem "
    "artemether lumefantrine oxytocin magnesium iron folate zinc ors oxygen phenytoin phenobarbital "
    "diazepam haloperidol amitriptyline fluoxetine chlorpheniramine cetirizine loratadine "
    "ceftriaxone gentamicin flagyl septrin augmentin arv arvs art tb penicillin vitamin "
    "dawa sindano"
)
_MEDICINE_ENDINGS: Final = re.compile(
    r"(cillin|mycin|micin|cycline|floxacin|azole|olol|pril|sartan|statin|dipine|gliptin|gliflozin"
    r"|zepam|zolam|caine|oxetine|triptan|profen|sone|solone|vir|vudine|navir|parin|tidine|prazole"
    r"|thiazide|semide|barbital|triptyline|setron|mab|nib|quine|artem\w*|sulfa\w*|cef\w+)$"
)


def is_delicate(word: str) -> bool:
    """Whether a changed word may never be merged by a program: it may change what is given."""
    plain = word.casefold().strip(".,;:()[]")
    return (
        any(not c.isalpha() and not c.isspace() and c not in _HARMLESS for c in word)
        or plain in _UNITS
        or plain in _NUMBERS
        or plain in _SIDES
        or plain in _MEDICINES
        or _MEDICINE_ENDINGS.search(plain) is not None
    )


_HARMLESS: Final = frozenset(".,;:!?'\"()-\u2013\u2014\u2019\u2018\u201c\u201d")
"""Everything else that is no letter counts as a number or a sign next to one: ½, %, +, /, <."""


def words_of(text: str) -> list[str]:
    """Split a text into words, runs of digits, and signs."""
    return _WORD.findall(text)


def touched_words(before: str, after: str) -> list[str]:
    """Return the words that an edit took away or added, with the word on either side of each.

    The neighbours count: in "500 mg of it", a changed "of" stands beside what it is about.
    """
    a, b = words_of(before), words_of(after)
    touched: list[str] = []
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    for kind, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        if kind != "equal":
            touched += a[max(0, a_from - 1) : a_to + 1] + b[max(0, b_from - 1) : b_to + 1]
    return touched


def is_harmless_edit(before: NoteText, after: NoteText) -> bool:
    """Whether an edit touched nothing delicate in any section."""
    return not any(
        is_delicate(word)
        for section in Section
        for word in touched_words(before.section(section), after.section(section))
    )


def merged(base: NoteText, one: NoteText, other: NoteText) -> NoteText | None:
    """Merge two versions of the same text, or return None: then a clinician decides.

    Args:
        base: The version that both were made from.
        one: A version.
        other: The other; which is which makes no difference.
    """
    if other in {one, base}:
        return one
    if one == base:
        return other
    result = base
    for section in Section:
        first, second = one.section(section), other.section(section)
        before = base.section(section)
        if before not in {first, second}:
            return None  # both wrote here
        result = result.with_section(section, second if first == before else first)
    if not (is_harmless_edit(base, one) and is_harmless_edit(base, other)):
        return None
    return result
