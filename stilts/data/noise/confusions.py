"""Characters that optical character recognition takes for each other, by shape, within one script.

A small table of our own: groups of letters that differ by a dot, a stroke or a gap. Latin: the pairs that lists of OCR
errors name (0/O, 1/l/I, rn/m, cl/d, c/e, h/b, u/ii, Z/2; sikhiwiki.org "Ocr gremlins"). Arabic and Urdu: letters of one
skeleton, told apart by their dots alone (the archigraphemes of the Unicode Arabic joining groups). Hangul: jamo that
differ by one stroke. The groups of the other scripts go by the shape of their usual printed form; how often each is
really confused was not measured (unverified).
"""

from __future__ import annotations

from functools import lru_cache

from stilts.data.noise.graphemes import HANGUL, compose, jamo

_GROUPS = """
0Oo 1lI 5S 2Z 8B 6b 9g ce hb uv nr ft il ij gq VU EF CG PR KX MN
ип нп лп шщ ьъы ес зэ гт ЬЪЫ ШЩ ИЙ ий ОС ЗЭ ГТ ВБ оа
νυ οσ ηπ ικ θδ αο ρσ ωφ ΟΘ ΑΛ ΛΔ ΠΓ ΕΣ ΡΒ
ոռ ւլ եէ օո գզ բր ամ նկ տա
ვკ ძმ ბნ გვ ეო აპ ლდ რჩ სხ
בכ דר הח וזן ית עצ גנ םס טמ תח
بتثنيپٹ جحخچ دذڈ رزژڑ سش صض طظ عغ فق كکگ هة ےی ىي اأإآ وؤ
घध भम बव पष डङ थय खव रस दह टठ ढद तन णन जञ ोौ ेै िी ुू
বরক ঘষ খথ নল মস ণন তভ টঢ িী ুূ
પષય ધઘ દઠ બખ ભમ તન ડક કફ રસ ેૈ ોૌ િી ુૂ
ਸਮ ਧਪ ਟਣ ਡਙ ਦਵ ਕਫ ਥਖ ਰਚ ੇੈ ੋੌ ਿੀ ੁੂ
పషవ నస మవ లట దధ బభ గశ రఠ టఓ ిీ ెే ొో ుూ
நற ரா லவ னண ளன பய கச எஏ ஒஓ ிீ ெே ொோ ுூ
ധഘ മഥ നത ഗശ രറ പവ യത കഎ ിീ െേ ൊോ ുൂ
ကတ ပဗဖ စဝ ငလ မန ထခ ိီ ုူ
ดคต ถภ ผพฝฟ ขชซ ฎฏ บป นม ลส ไใ อฮ วา ทฑ กภ ฆฌ ่้ ิีึื ุู
ソン シツ ロコ ニミ カヤ タク エユ ワウ ヌスマ ラフ ケク テチ ノメ ハへ
さきち るろ らう はほけ ぬめね われ りい こに くへ まも たな あお
己已 未末 日曰目 土士工 人入八 大太犬 天夫 千干于 田由甲申 木本 王玉主 白自百 力刀 万方 见贝 今令 问间 侍待 候侯 兔免
鸟乌 困因 治冶 持特 的旳 是昰 有肓 在左右 不木 了子 上止 中申 和知 国囯 这迖 为力 地池他 会合 时吋 个介 来米 以似 我找
到列 年午
"""
_WIDE = {"m": ["rn"], "d": ["cl"], "w": ["vv"], "u": ["ii"], "M": ["IVI"], "W": ["VV"], "B": ["l3"]}
_JAMO = "ㄱㅋㄲ ㄷㅌㄸ ㅂㅍㅃ ㅇㅎ ㅈㅊㅉ ㅅㅆ ㅏㅑ ㅓㅕ ㅗㅛ ㅜㅠ ㅐㅔ ㅒㅖ ㅣㅡ"


@lru_cache(65536)
def looks_like(grapheme: str) -> tuple[str, ...]:
    """What a grapheme may be read as; () where the table has none of its characters."""
    if len(grapheme) == 1 and grapheme in HANGUL:
        parts = jamo(grapheme)
        pairs = [(place, other) for place in (0, 1) for other in _table(_JAMO).get(parts[place], ())]
        return tuple(compose([*parts[:place], other, *parts[place + 1 :]]) for place, other in pairs)
    out = []
    for place, character in enumerate(grapheme):
        for other in (*_table(_GROUPS).get(character, ()), *_WIDE.get(character, ())):
            out.append(grapheme[:place] + other + grapheme[place + 1 :])
    return tuple(out)


@lru_cache(2)
def _table(groups: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for group in groups.split():
        for one in group:
            found.setdefault(one, {}).update(dict.fromkeys(other for other in group if other != one))
    return {one: tuple(others) for one, others in found.items()}
