"""Which keys lie beside each other: one national keyboard layout a language, Latin and others.

The rows are level 1 (and `^`, level 2: with Shift, for scripts without case) of the keys AE, AD, AC and AB of
xkeyboard-config 2.35.1 (licence MIT/X11), as `tests/data/derive_keyboards.py` prints them through libxkbcommon:
letters, combining marks and digits, `_` for a key with anything else. Korean, which xkeyboard-config leaves to input
methods, has the jamo of the 2-set layout (KS X 5002; as in hangul.txt of hangul-jfbterm's termim 1.0.0). Chinese is
typed by sound, so it has no layout; neither have Japanese kanji.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from stilts.data.noise.graphemes import HANGUL, compose, jamo
from stilts.tasks.languages import is_invented

_ROWS = """
us | 1 2 3 4 5 6 7 8 9 0 | q w e r t y u i o p | a s d f g h j k l | z x c v b n m
de | 1 2 3 4 5 6 7 8 9 0 ß | q w e r t z u i o p ü | a s d f g h j k l ö ä | y x c v b n m
fr | _ é _ _ _ _ è _ ç à | a z e r t y u i o p | q s d f g h j k l m ù | w x c v b n
it | 1 2 3 4 5 6 7 8 9 0 _ ì | q w e r t y u i o p è | a s d f g h j k l ò à ù | z x c v b n m
es | 1 2 3 4 5 6 7 8 9 0 | q w e r t y u i o p | a s d f g h j k l ñ _ ç | z x c v b n m
pt | 1 2 3 4 5 6 7 8 9 0 | q w e r t y u i o p | a s d f g h j k l ç | z x c v b n m
latam | 1 2 3 4 5 6 7 8 9 0 | q w e r t y u i o p | a s d f g h j k l ñ | z x c v b n m
ro | 1 2 3 4 5 6 7 8 9 0 | q w e r t y u i o p | a s d f g h j k l | z x c v b n m
tr | 1 2 3 4 5 6 7 8 9 0 | q w e r t y u ı o p ğ ü | a s d f g h j k l ş i | z x c v b n m ö ç
az | 1 2 3 4 5 6 7 8 9 0 | q ü e r t y u i o p ö ğ | a s d f g h j k l ı ə | z x c v b n m ç ş
hu | 1 2 3 4 5 6 7 8 9 ö ü ó | q w e r t z u i o p ő ú | a s d f g h j k l é á ű | y x c v b n m
fi | 1 2 3 4 5 6 7 8 9 0 | q w e r t y u i o p å | a s d f g h j k l ö ä | z x c v b n m
ee | 1 2 3 4 5 6 7 8 9 0 | q w e r t y u i o p ü õ | a s d f g h j k l ö ä | z x c v b n m
lt | ą č ę ė į š ų ū _ _ _ ž | q w e r t y u i o p | a s d f g h j k l | z x c v b n m
vn | ă â ê ô ̀ ̉ ̃ ́ ̣ đ | q w e r t y u i o p ư ơ | a s d f g h j k l | z x c v b n m
ng:yoruba | 1 2 3 4 5 6 7 8 9 0 | ẹ w e r t y u i o p | a s d f g h j k l | z ọ c ṣ b n m
sn | _ é _ _ _ _ è _ ç à | a z e r t y u i o p ŋ | q s d f g h j k l m ñ | w x c v b n
gr | 1 2 3 4 5 6 7 8 9 0 | _ ς ε ρ τ υ θ ι ο π | α σ δ φ γ η ξ κ λ | ζ χ ψ ω β ν μ
bg | 1 2 3 4 5 6 7 8 9 0 | _ у е и ш щ к с д з ц | ь я а о ж г т н в м ч | ю й ъ э ф х п р л б
ru | 1 2 3 4 5 6 7 8 9 0 | й ц у к е н г ш щ з х ъ | ф ы в а п р о л д ж э | я ч с м и т ь б ю
ua | 1 2 3 4 5 6 7 8 9 0 | й ц у к е н г ш щ з х ї | ф і в а п р о л д ж є ґ | я ч с м и т ь б ю
kz | _ ә і ң ғ _ _ ү ұ қ ө һ | й ц у к е н г ш щ з х ъ | ф ы в а п р о л д ж э | я ч с м и т ь б ю
ge | 1 2 3 4 5 6 7 8 9 0 | ქ წ ე რ ტ ყ უ ი ო პ | ა ს დ ფ გ ჰ ჯ კ ლ | ზ ხ ც ვ ბ ნ მ
ge^ |  | _ ჭ _ ღ თ | _ შ _ _ _ _ ჟ | ძ _ ჩ
am | ֆ ձ _ _ _ _ _ _ _ օ է ղ | ճ փ բ ս մ ո ւ կ ը թ ծ ց | ջ վ գ ե ա ն ի տ հ պ ր | ժ դ չ յ զ լ ք խ շ ռ
ara | 1 2 3 4 5 6 7 8 9 0 | ض ص ث ق ف غ ع ه خ ح ج د | ش س ي ب ل ا ت ن م ك ط | ئ ء ؤ ر _ ى ة و ز ظ
ara^ |  | َ ً ُ ٌ _ إ | ِ ٍ _ _ _ أ ـ | _ ْ _ _ _ آ
ir | ۱ ۲ ۳ ۴ ۵ ۶ ۷ ۸ ۹ ۰ | ض ص ث ق ف غ ع ه خ ح ج چ | ش س ی ب ل ا ت ن م ک گ | ظ ط ز ر ذ د پ و
ir^ | _ _ _ _ _ _ _ _ _ _ ـ | ْ ٌ ٍ ً ُ ِ َ ّ | ؤ ئ ي إ أ آ ة | ك ٓ ژ ٰ _ ٔ ء
pk | 1 2 3 4 5 6 7 8 9 0 | ق و ع ر ت ے ء ی ہ پ | ا س د ف گ ح ج ک ل | ز ش چ ط ب ن م
pk^ |  | ْ ؤ ٰ ڑ ٹ َ ئ ِ ۃ ُ | آ ص ڈ ّ غ ھ ض خ ٔ | ذ ژ ث ظ _ ں ٘
il | 1 2 3 4 5 6 7 8 9 0 | _ _ ק ר א ט ו ן ם פ | ש ד ג כ ע י ח ל ך ף | ז ס ב ה נ מ צ ת ץ
in | १ २ ३ ४ ५ ६ ७ ८ ९ ० _ ृ | ौ ै ा ी ू ब ह ग द ज ड ़ | ो े ् ि ु प र क त च ट ॉ | ॆ ं म न व ल स _ _ य
in^ | ऍ ॅ _ _ _ _ _ _ _ _ ः ऋ | औ ऐ आ ई ऊ भ ङ घ ध झ ढ ञ | ओ ए अ इ उ फ ऱ ख थ छ ठ ऑ | ऎ ँ ण ऩ ऴ ळ श ष
in:marathi | १ २ ३ ४ ५ ६ ७ ८ ९ ० _ ृ | ौ ै ा ी ू ब ह ग द ज ड ़ | ो े ् ि ु प र क त च ट ॉ | _ ं म न व ल स _ _ य
in:marathi^ | _ ॅ ऽ _ _ _ _ ॐ _ _ ः ऋ | औ ऐ आ ई ऊ भ ङ घ ध झ ढ ञ | ओ ए अ इ उ फ ऱ ख थ छ ठ ऑ | ॲ ँ ण _ ꣻ ळ श ष
in:ben | ১ ২ ৩ ৪ ৫ ৬ ৭ ৮ ৯ ০ _ ঋ | ৌ ৈ া ী ূ ব হ গ দ জ ড ় | ো ে ্ ি ু প র ক ত চ ট | z ং ম ন ব ল স
in:ben^ | _ _ _ _ _ _ _ _ _ _ ঃ ৃ | ঔ ঐ আ ঈ ঊ ভ ঙ ঘ ধ ঝ ঢ ঞ | ও এ অ ই উ ফ _ খ থ ছ ঠ | _ ঁ ণ ন ব ল শ ষ _ য
in:guj | ૧ ૨ ૩ ૪ ૫ ૬ ૭ ૮ ૯ ૦ _ ઋ | ૌ ૈ ા ી ૂ બ હ ગ દ જ ડ ઼ | ો ે ્ િ ુ પ ર ક ત ચ ટ ૉ | z ં મ ન વ લ સ _ _ ય
in:guj^ | ઍ ૅ _ _ _ _ _ _ _ _ ઃ ૃ | ઔ ઐ આ ઈ ઊ ભ ઙ ઘ ધ ઝ ઢ ઞ | ઓ એ અ ઇ ઉ ફ ર ખ થ છ ઠ ઑ | _ ઁ ણ ન વ ળ શ ષ
in:guru | ੧ ੨ ੩ ੪ ੫ ੬ ੭ ੮ ੯ ੦ ਃ | ੌ ੈ ਾ ੀ ੂ ਬ ਹ ਗ ਦ ਜ ਡ ਼ | ੋ ੇ ੍ ਿ ੁ ਪ ਰ ਕ ਤ ਚ ਟ | z ਂ ਮ ਨ ਵ ਲ ਸ _ _ ਯ
in:guru^ | _ _ ੱ ੴ | ਔ ਐ ਆ ਈ ਊ ਭ ਙ ਘ ਧ ਝ ਢ ਞ | ਓ ਏ ਅ ਇ ਉ ਫ ੜ ਖ ਥ ਛ ਠ | ਁ ੰ ਣ ਨ ਵ
in:tel | ౧ ౨ ౩ ౪ ౫ ౬ ౭ ౮ ౯ ౦ ః ృ | ౌ ై ా ీ ూ బ హ గ ద జ డ ఞ | ో ే ్ ి ు ప ర క త చ ట | ె ం మ న వ ల స _ _ య
in:tel^ | _ _ _ _ _ _ _ _ _ _ _ ఋ | ఔ ఐ ఆ ఈ ఊ భ ఙ ఘ ధ ఝ ఢ | ఓ ఏ అ ఇ ఉ ఫ ఱ ఖ థ ఛ ఠ | ఎ ఁ ణ _ _ ళ శ ష
in:tam | ௧ ௨ ௩ ௪ ௫ ௬ ௭ ௮ ௯ ௰ ௱ ௲ | ௌ ை ா ீ ூ _ ஹ _ _ ஜ _ ஞ | ோ ே ் ி ு ப ர க த ச ட | ெ ஂ ம ந வ ல ஸ _ _ ய
in:tam^ | _ _ _ _ _ _ _ _ _ _ ஃ | ஔ ஐ ஆ ஈ ஊ _ ங | ஓ ஏ அ இ உ _ ற | எ _ ண ன ழ ள ஶ ஷ
in:mal | ൧ ൨ ൩ ൪ ൫ ൬ ൭ ൮ ൯ ൦ _ ൃ | ൌ ൈ ാ ീ ൂ ബ ഹ ഗ ദ ജ ഡ | ോ േ ് ി ു പ ര ക ത ച ട | െ ം മ ന വ ല സ _ _ യ
in:mal^ | _ _ _ _ _ _ _ _ _ _ ഃ ഋ | ഔ ഐ ആ ഈ ഊ ഭ ങ ഘ ധ ഝ ഢ ഞ | ഓ ഏ അ ഇ ഉ ഫ റ ഖ ഥ ഛ ഠ | എ _ ണ _ ഴ ള ശ ഷ
th | ๅ _ _ ภ ถ ุ ึ ค ต จ ข ช | ๆ ไ _ พ ะ ั ี ร น ย บ ล | ฟ ห ก ด เ ้ ่ า ส ว ง ฃ | ผ ป แ อ ิ ื ท ม ใ ฝ
th^ | _ ๑ ๒ ๓ ๔ ู _ ๕ ๖ ๗ ๘ ๙ | ๐ _ ฎ ฑ ธ ํ ๊ ณ ฯ ญ ฐ | ฤ ฆ ฏ โ ฌ ็ ๋ ษ ศ ซ _ ฅ | _ _ ฉ ฮ ฺ ์ _ ฒ ฬ ฦ
mm | ၁ ၂ ၃ ၄ ၅ ၆ ၇ ၈ ၉ ၀ | ဆ တ န မ အ ပ က င သ စ ဟ ဩ | ေ ျ ိ ် ါ ့ ြ ု ူ း | ဖ ထ ခ လ ဘ ည ာ
mm^ | ဍ ၒ ဋ _ _ _ ရ | ဈ ဝ ဣ _ ဤ _ ဥ _ ဿ ဏ ဧ ဪ | ဗ ှ ီ ္ ွ ံ ဲ ဒ ဓ ဂ | ဇ ဌ ဃ ဠ ယ ဉ ဦ
jp:kana | ヌ フ ア ウ エ オ ヤ ユ ヨ ワ ホ ヘ | タ テ イ ス カ ン ナ ニ ラ セ | チ ト シ ハ キ ク マ ノ リ レ ケ ム | ツ サ ソ ヒ コ ミ モ ネ ル メ
jp:kana^ | _ _ ァ ゥ ェ ォ ャ ュ ョ ヲ | _ _ ィ |  | ッ
"""  # noqa: E501 (wide characters)
_KOREAN = "ko | | ㅂ ㅈ ㄷ ㄱ ㅅ ㅛ ㅕ ㅑ ㅐ ㅔ | ㅁ ㄴ ㅇ ㄹ ㅎ ㅗ ㅓ ㅏ ㅣ | ㅋ ㅌ ㅊ ㅍ ㅠ ㅜ ㅡ"
_LANGUAGES = {
    "en": "us", "af": "us", "id": "us", "ms": "us", "jv": "us", "tl": "us", "sw": "us", "nl": "us", "pl": "us",
    "ht": "us", "ro": "ro", "de": "de", "fr": "fr", "it": "it", "es": "es", "eu": "es", "pt": "pt", "qu": "latam",
    "tr": "tr", "az": "az", "hu": "hu", "fi": "fi", "et": "ee", "lt": "lt", "vi": "vn", "yo": "ng:yoruba", "wo": "sn",
    "el": "gr", "bg": "bg", "ru": "ru", "uk": "ua", "kk": "kz", "ka": "ge", "ar": "ara", "fa": "ir", "ur": "pk",
    "he": "il", "hi": "in", "mr": "in:marathi", "bn": "in:ben", "gu": "in:guj", "pa": "in:guru", "te": "in:tel",
    "ta": "in:tam", "ml": "in:mal", "th": "th", "my": "mm", "ja": "jp:kana", "ko": "ko",
}  # fmt: skip
"""Language -> layout. That Haitian Creole is typed on a US layout is unverified."""
_STAGGER = (0.0, 0.5, 0.75, 1.25)
"""How far each row stands to the right of the top one, in keys (ISO/IEC 9995 leaves it open; usual keyboards)."""
_KANA = ord("ァ") - ord("ぁ")


def has_layout(language: str) -> bool:
    """Whether a language has a layout; an invented one is typed on that of its letters."""
    return language in _LANGUAGES or is_invented(language)


@lru_cache(65536)
def beside(grapheme: str, language: str) -> tuple[str, ...]:
    """What comes out where one of a grapheme's characters is typed with a key beside its own; () where none can be.

    A letter becomes a letter, a mark a mark and a digit a digit, so the grapheme stays one; capitals stay capitals.
    """
    if len(grapheme) == 1 and grapheme in HANGUL:
        return _beside_hangul(grapheme, language)
    out = []
    for place, character in enumerate(grapheme):
        for other in _keys(character, language):
            out.append(grapheme[:place] + other + grapheme[place + 1 :])
    return tuple(out)


def _beside_hangul(syllable: str, language: str) -> tuple[str, ...]:
    parts = jamo(syllable)
    found = []
    for place, part in enumerate(parts[:2]):  # the initial consonant or the vowel; finals may be of two keys
        found += [compose([*parts[:place], other, *parts[place + 1 :]]) for other in _keys(part, language)]
    return tuple(one for one in found if len(one) == 1)


def _keys(character: str, language: str) -> tuple[str, ...]:
    """The characters beside one, on the language's layout, or for English in other text on the US one.

    A language without a layout is typed on the first that has the character.
    """
    if "ぁ" <= character <= "ゖ":
        kana = _keys(chr(ord(character) + _KANA), language)
        return tuple(chr(ord(one) - _KANA) for one in kana)
    layouts = _layouts()
    own = _LANGUAGES.get(language)
    for name in (own, f"{own}^", "us") if own else layouts:
        if name in layouts:
            for form, back in ((character, str), (character.lower(), str.upper)):
                if found := layouts[name].get(form):
                    return tuple(one for one in map(back, found) if len(one) == 1 and one != character)
    return ()


@lru_cache(1)
def _layouts() -> dict[str, dict[str, tuple[str, ...]]]:
    """Layout -> character -> those of the same class on keys that touch its own."""
    return {name: _neighbours(rows) for name, rows in map(_parsed, [*_ROWS.strip().splitlines(), _KOREAN])}


def _parsed(line: str) -> tuple[str, list[list[str]]]:
    name, *rows = line.split("|")
    return name.strip(), [row.split() for row in rows]


def _neighbours(rows: list[list[str]]) -> dict[str, tuple[str, ...]]:
    keys = [
        (key, number, column + _STAGGER[number])
        for number, row in enumerate(rows)
        for column, key in enumerate(row)
        if key != "_"
    ]
    return {
        key: tuple(
            other
            for other, other_row, x in keys
            if other != key and _class(other) == _class(key) and _touch(row - other_row, abs(column - x))
        )
        for key, row, column in keys
    }


def _touch(rows: int, distance: float) -> bool:
    return distance <= 1 if rows == 0 else abs(rows) == 1 and distance < 1


def _class(character: str) -> str:
    """Letter, mark or digit; consonants and vowels of Hangul apart, so that a syllable stays one."""
    if "ㄱ" <= character <= "ㅣ":
        return "vowel" if character >= "ㅏ" else "consonant"
    return unicodedata.category(character)[0]
