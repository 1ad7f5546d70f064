"""Word lists and makers of names, keys and values.

Everything that may end up in the name of a tool or an argument is split once, by a stable hash,
into a trained and a held-out part: syllables, letter strings and dictionary words. A tool list of
the "unseen" evaluation is named from the held-out part alone.
"""
import zlib

HELD_OUT_ONE_IN = 5


def held_out(text):
    """True for the one fifth of all name material that training never shows."""
    return zlib.crc32(('name:' + text.lower()).encode()) % HELD_OUT_ONE_IN == 0


ONSETS = 'b d f g h j k l m n p r s t v w z br dr fl gr kl pl sh st tr'.split()
VOWELS = 'a e i o u ai ou'.split()
CODAS = ['', '', '', 'n', 'r', 's', 'x', 'l', 'm', 't']
SYLLABLES = [o + v for o in ONSETS for v in VOWELS]
LETTERS = 'abcdefghijklmnopqrstuvwxyz'
NAME_WORDS = '''amber anchor apple arrow atlas autumn badge bamboo barrel basket beacon bird blaze bloom
bolt bridge brook bucket cabin cactus candle canyon carbon castle cedar chalk cherry cliff cloud clover
cobalt comet copper coral cotton crane crystal dawn delta desert dragon drum eagle echo ember engine
falcon feather field flame flint forest fossil fox frost garden ghost glacier glass gold grain granite
grape harbor hawk hazel hill honey horse ice iron island ivory jade jewel jungle kite ladder lagoon
lantern lark laser lemon light lily lion lotus lunar magnet maple marble meadow melon meteor mint mist
moon moss motor mountain needle nest night north nova oak ocean olive onyx opal orange orbit orchid otter
owl paper pearl pebble pepper petal phoenix pine planet plum polar pond pulse quartz quest quick rabbit
radar rain raven reef ribbon ridge river robin rocket rose ruby saddle sage sail salt sand shadow silk
silver sky slate smoke snow solar spark spice spring spruce star steam stone storm summer sun swan swift
thorn thunder tiger timber torch tower trail tulip tundra turtle valley velvet violet walnut water wave
whale wheat willow wind winter wolf yellow zebra zenith zinc abacus oracle wizard robot agent helper
machine gadget widget engine sensor keeper finder reader teller maker runner walker scout pilot clerk'''.split()
VERBS = '''get fetch find lookup read query ask show give tell check load pull grab retrieve resolve
request scan obtain collect report describe inspect list'''.split()

FIRST_NAMES = '''Anna Ben Carla David Elena Felix Greta Hugo Ines Jonas Kira Liam Maria Noah Olga Paul Rosa
Simon Tina Victor Wendy Yara Zoe Omar Nina Lucas Emma Ivan Sara Tom Alice Bob Clara Dora Erik Fiona'''.split()
LAST_NAMES = '''Smith Jones Lopez Weber Rossi Novak Kim Chen Silva Meyer Brown Costa Dubois Patel Olsen
Horvat Tanaka Haddad Moreau Fischer Walker Young Berg Lind Sato Baker Clark Evans Green Hall'''.split()
CITIES = '''Berlin Paris London Madrid Rome Oslo Vienna Prague Lisbon Dublin Tokyo Lima Cairo Delhi Boston
Denver Sydney Toronto Milan Zurich Warsaw Athens Seoul Helsinki Bern Quito Nairobi Havana'''.split()
COUNTRIES = '''France Spain Italy Norway Peru Japan Egypt India Canada Chile Kenya Poland Greece Cuba Nepal
Brazil Sweden Turkey Vietnam Ghana'''.split()
ADJECTIVES = '''red blue green small large steel wooden soft heavy round silver plain electric spare old
new main front rear upper'''.split()
NOUNS = '''lamp chair table pump valve motor filter sensor cable router printer battery clock kettle brush
mirror fan heater tank engine bottle shelf drill pen box'''.split()
COMPANIES = 'Acme Globex Initech Umbra Vertex Solaris Norden Kappa Orbit Lumen Delta Fabrik'.split()


def pick_held(rng, pool, held):
    while True:
        word = rng.choice(pool)
        if held is None or held_out(word) == held:
            return word


def word(rng, held=None, syllables=None):
    """An invented word; held None draws from all syllables' trained part."""
    count = syllables or rng.choice([2, 2, 3])
    return ''.join(pick_held(rng, SYLLABLES, bool(held)) for _ in range(count)) + rng.choice(CODAS)


def letters(rng, held):
    while True:
        text = ''.join(rng.choice(LETTERS) for _ in range(rng.randint(2, 6)))
        if held_out(text) == held:
            return text


def join_name(rng, parts):
    """camelCase, snake_case, PascalCase or glued, sometimes with digits."""
    style = rng.random()
    if style < .4:
        name = '_'.join(parts)
    elif style < .7:
        name = parts[0] + ''.join(p.capitalize() for p in parts[1:])
    elif style < .85:
        name = ''.join(p.capitalize() for p in parts)
    else:
        name = ''.join(parts)
    if rng.random() < .12:
        name += rng.choice(['', '_', '_v']) + str(rng.randint(1, 99))
    return name


def invented_name(rng, held):
    """A name that says nothing about what the tool does."""
    kind = rng.random()
    if kind < .4:
        parts = [word(rng, held) for _ in range(rng.choice([1, 1, 2]))]
    elif kind < .75:
        parts = [pick_held(rng, NAME_WORDS, held) for _ in range(rng.choice([1, 2, 2]))]
    elif kind < .9:
        parts = [letters(rng, held) for _ in range(rng.choice([1, 1, 2]))]
    else:
        parts = [pick_held(rng, NAME_WORDS, held), word(rng, held)]
    return join_name(rng, parts)


def natural_name(rng, attribute, entity):
    """A name that says what the tool looks up, as most real tools have."""
    attr = attribute.split()
    ent = entity.split()
    form = rng.randint(0, 5)
    verb = rng.choice(VERBS)
    parts = [[verb] + attr, ent + attr, attr + ['of'] + ent, [verb] + ent + attr, attr, attr + [verb]][form]
    return join_name(rng, parts)


def number(rng, high=None):
    if high:
        return rng.randint(2, high)
    kind = rng.random()
    if kind < .3:
        return rng.randint(2, 20)
    if kind < .6:
        return rng.randint(10, 99)
    return rng.randint(100, 999) if kind < .9 else rng.randint(1000, 9999)


def decimal(rng):
    return f'{rng.randint(1, 99)}.{rng.choice(["", str(rng.randint(0, 9))])}{rng.randint(1, 9)}'


def person(rng):
    first = rng.choice(FIRST_NAMES) if rng.random() < .7 else word(rng).capitalize()
    return first + ' ' + (rng.choice(LAST_NAMES) if rng.random() < .6 else word(rng).capitalize())


def product(rng):
    return (rng.choice(ADJECTIVES) if rng.random() < .7 else word(rng)) + ' ' + rng.choice(NOUNS)


def city(rng):
    return rng.choice(CITIES) if rng.random() < .6 else word(rng).capitalize()


def ident(rng):
    return rng.choice('ABCDEFGHKX') + rng.choice(['', '-']) + str(rng.randint(100, 9999))


def date(rng):
    return f'202{rng.randint(0, 9)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}'


def clock(rng):
    return f'{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}'


def phone(rng):
    return f'{rng.randint(200, 999)}-{rng.randint(1000, 9999)}'


def company(rng):
    return rng.choice(COMPANIES) if rng.random() < .6 else word(rng).capitalize()
