"""The world that the dialogues' tools know, and the tools themselves: specifications, and what a call
really returns.
"""
import builtins
import contextlib
import io
import json
import random
import re
from fractions import Fraction

import words as w
from render import compact

# ---------------------------------------------------------------- the world the tools know about

def among(*values):
    return lambda rng: rng.choice(values)


def whole(low, high):
    return lambda rng: str(rng.randint(low, high))


ENTITIES = {  # entity: (maker of keys, {attribute: maker of values})
    'city': (w.city, {
        'population': whole(1000, 999999), 'weather': among('sunny', 'rainy', 'cloudy', 'windy', 'foggy', 'snowy'),
        'temperature': whole(-9, 38), 'mayor': w.person, 'area': whole(20, 2000), 'humidity': whole(10, 99),
        'time zone': lambda r: 'UTC' + r.choice('+-') + str(r.randint(1, 11)), 'airport code': lambda r: ''.join(r.choice('ABCDEFGHKLMNOPRSTUVXYZ') for _ in range(3))}),
    'country': (lambda r: r.choice(w.COUNTRIES) if r.random() < .6 else w.word(r).capitalize(), {
        'capital': w.city, 'population': whole(100000, 9999999), 'currency': among('euro', 'peso', 'krone', 'dollar', 'yen', 'franc'),
        'area': whole(1000, 99999), 'president': w.person, 'dialing code': lambda r: '+' + str(r.randint(1, 999))}),
    'product': (w.product, {
        'price': w.decimal, 'stock': whole(0, 900), 'weight': w.decimal, 'color': among('red', 'blue', 'green', 'black', 'white'),
        'rating': lambda r: f'{r.randint(1, 4)}.{r.randint(1, 9)}', 'supplier': w.company, 'warranty': whole(6, 60)}),
    'employee': (w.person, {
        'phone number': w.phone, 'salary': whole(1800, 9900), 'office': lambda r: 'room ' + str(r.randint(1, 400)),
        'manager': w.person, 'birthday': w.date, 'age': whole(19, 66), 'department': among('sales', 'support', 'research', 'finance', 'design'),
        'email': lambda r: w.word(r) + '@' + w.word(r) + r.choice(['.com', '.org', '.io'])}),
    'order': (w.ident, {
        'status': among('shipped', 'pending', 'cancelled', 'delivered', 'paid'), 'total': w.decimal,
        'delivery date': w.date, 'customer': w.person, 'quantity': whole(1, 500)}),
    'server': (lambda r: w.word(r) + str(r.randint(1, 40)), {
        'uptime': whole(1, 9999), 'load': w.decimal, 'owner': w.person, 'memory': whole(1, 512),
        'version': lambda r: f'{r.randint(1, 9)}.{r.randint(0, 20)}.{r.randint(0, 9)}', 'status': among('up', 'down', 'starting')}),
    'train': (w.ident, {
        'platform': whole(1, 24), 'departure time': w.clock, 'delay': whole(0, 59), 'destination': w.city}),
    'flight': (w.ident, {
        'gate': lambda r: r.choice('ABCD') + str(r.randint(1, 60)), 'arrival time': w.clock, 'airline': w.company, 'delay': whole(0, 90)}),
    'mountain': (lambda r: 'Mount ' + w.word(r).capitalize(), {'height': whole(500, 8800), 'country': lambda r: r.choice(w.COUNTRIES)}),
    'river': (lambda r: w.word(r).capitalize() + ' River', {'length': whole(20, 6000), 'source': w.city, 'depth': whole(1, 90)}),
    'book': (lambda r: 'The ' + r.choice('Silent Lost Golden Last Hidden Broken'.split()) + ' ' + r.choice('River Garden Winter Tower King Island'.split()), {
        'author': w.person, 'page count': whole(80, 900), 'year': whole(1900, 2024), 'publisher': w.company}),
    'song': (lambda r: r.choice('Blue Slow Wild Last Little'.split()) + ' ' + r.choice('Moon Road Rain Heart Summer'.split()), {
        'singer': w.person, 'length': whole(90, 400), 'year': whole(1950, 2024)}),
    'hotel': (lambda r: 'Hotel ' + w.word(r).capitalize(), {
        'price': w.decimal, 'phone number': w.phone, 'rating': lambda r: f'{r.randint(1, 4)}.{r.randint(1, 9)}', 'owner': w.person}),
    'car': (lambda r: w.word(r).capitalize() + ' ' + str(r.randint(1, 99)), {
        'speed': whole(90, 300), 'price': whole(4000, 90000), 'owner': w.person, 'color': among('red', 'blue', 'silver', 'black')}),
    'planet': (lambda r: w.word(r).capitalize(), {'diameter': whole(1000, 99999), 'moons': whole(0, 40), 'temperature': whole(-200, 400)}),
    'student': (w.person, {'grade': whole(1, 12), 'teacher': w.person, 'score': whole(10, 100), 'school': w.company}),
}
NUMERIC = set('''population temperature area price stock weight rating salary total quantity uptime load memory delay
height length depth speed diameter moons score age humidity warranty'''.split()) | {'page count'}
INVENTED_ENTITY_SHARE = .15

# phrase of the need, descriptions, natural names, arguments (role, type, names), values, requests, answer
ACTIONS = [
    ('set a timer', ['Set a timer.', 'Start a countdown timer.', 'Set a timer with a label.'], ['timer', 'set_timer', 'startTimer'],
     [('minutes', 'integer', ['minutes', 'min', 'duration']), ('label', 'string', ['label', 'name', 'title'])],
     lambda r: (w.number(r, 90), r.choice(['tea', 'pasta', 'break', 'laundry', 'call', 'eggs', w.word(r)])),
     ['Set a timer for {0} minutes called {1}.', 'Start a {0} minute timer named {1}.', 'I need a {1} timer, {0} minutes.', 'Timer for {1}: {0} minutes.'],
     'The {1} timer is set for {0} minutes.'),
    ('send a message', ['Send a message to a person.', 'Deliver a short text message.', 'Send a message.'], ['send_message', 'notify', 'sendText', 'message'],
     [('recipient', 'string', ['to', 'recipient', 'person']), ('text', 'string', ['text', 'message', 'body'])],
     lambda r: (w.person(r), r.choice(['I am late', 'call me back', 'the meeting is at ' + str(r.randint(8, 18)), 'happy birthday',
                                       'room ' + str(r.randint(1, 300)) + ' is free', 'thanks for the ' + w.product(r), 'see you in ' + w.city(r)])),
     ['Send {0} the message: {1}', 'Tell {0} this: {1}', 'Please message {0}: {1}', 'Write to {0}: {1}'], 'The message was sent to {0}.'),
    ('create an event', ['Create a calendar event.', 'Add an event to the calendar.', 'Create an event on a date.'], ['create_event', 'addEvent', 'calendar'],
     [('title', 'string', ['title', 'name', 'event']), ('date', 'string', ['date', 'day', 'when'])],
     lambda r: (r.choice(['dentist', 'team lunch', 'review', 'concert', w.word(r) + ' party', w.word(r) + ' meeting']), w.date(r)),
     ['Create the event {0} on {1}.', 'Put {0} into my calendar for {1}.', 'Schedule {0} on {1}.', 'On {1} I have {0}, add it to the calendar.'], 'The event {0} is on {1}.'),
    ('book a table', ['Book a table at the restaurant.', 'Reserve a restaurant table.', 'Book a table.'], ['book_table', 'reserve', 'tableBooking'],
     [('people', 'integer', ['people', 'guests', 'seats']), ('name', 'string', ['name', 'guest', 'on_name'])],
     lambda r: (r.randint(2, 20), w.person(r)),
     ['Book a table for {0} people under the name {1}.', 'Reserve a table for {0}, name {1}.', 'Table for {0} please, the name is {1}.'], 'A table for {0} is booked for {1}.'),
    ('convert units', ['Convert a value between units.', 'Unit converter.', 'Convert units of length and weight.'], ['convert', 'unit_convert', 'convertUnits'],
     [('value', 'number', ['value', 'amount', 'x']), ('from unit', 'string', ['from', 'from_unit', 'source']), ('to unit', 'string', ['to', 'to_unit', 'target'])],
     lambda r: (w.number(r),) + r.choice([('km', 'miles'), ('miles', 'km'), ('kg', 'pounds'), ('pounds', 'kg'), ('meters', 'feet'), ('feet', 'meters'), ('inches', 'cm'), ('cm', 'inches')]),
     ['Convert {0} {1} to {2}.', 'How many {2} are {0} {1}?', '{0} {1} in {2}?', 'What is {0} {1} in {2}?'], '{0} {1} are {res} {2}.'),
    ('switch a device', ['Switch a device on or off.', 'Turn a device in a room on or off.'], ['switch', 'set_device', 'toggle'],
     [('device', 'string', ['device', 'appliance', 'thing']), ('state', 'string', ['state', 'mode', 'set_to'])],
     lambda r: (w.product(r), r.choice(['on', 'off'])), ['Turn the {0} {1}.', 'Switch {1} the {0}.', 'Please turn {1} the {0}.'], 'The {0} is {1}.'),
    ('translate a text', ['Translate a text into a language.', 'Translate words.'], ['translate', 'translator', 'translateText'],
     [('text', 'string', ['text', 'input', 'words']), ('language', 'string', ['language', 'lang', 'target'])],
     lambda r: (r.choice(w.NOUNS) if r.random() < .5 else r.choice(w.ADJECTIVES) + ' ' + r.choice(w.NOUNS), r.choice(['French', 'German', 'Spanish', 'Italian', 'Polish'])),
     ['Translate {0} into {1}.', 'What is {0} in {1}?', 'How do you say {0} in {1}?'], 'In {1}, {0} is {res}.'),
    ('add to a list', ['Add an item to a list.', 'Append an entry to a named list.'], ['add_item', 'listAdd', 'append'],
     [('item', 'string', ['item', 'entry', 'thing']), ('list', 'string', ['list', 'list_name', 'target'])],
     lambda r: (w.product(r), r.choice(['shopping', 'chores', 'packing', 'wish', w.word(r)])),
     ['Add {0} to the {1} list.', 'Put {0} on my {1} list.', 'The {1} list needs {0}.'], 'I added {0} to the {1} list.'),
    ('order a product', ['Order a product from the shop.', 'Buy a quantity of a product.'], ['order', 'buy', 'place_order'],
     [('product', 'string', ['product', 'item', 'article']), ('quantity', 'integer', ['quantity', 'count', 'n'])],
     lambda r: (w.product(r), r.randint(1, 60)), ['Order {1} of the {0}.', 'Buy {1} pieces of {0}.', 'I want to order {0}, {1} pieces.'], 'I ordered {1} of {0}.'),
    ('play a song', ['Play a song.', 'Play music on the speaker.'], ['play', 'play_song', 'musicPlayer'],
     [('song', 'string', ['song', 'title', 'track'])], lambda r: (ENTITIES['song'][0](r),), ['Play {0}.', 'Put on {0}.', 'I want to hear {0}.'], '{0} is playing.'),
    ('write a note', ['Write a note.', 'Save a short note.'], ['note', 'save_note', 'addNote'],
     [('text', 'string', ['text', 'note', 'content'])],
     lambda r: (r.choice(['buy the ' + w.product(r), 'call ' + w.person(r), 'visit ' + w.city(r), w.word(r) + ' is ' + str(r.randint(1, 99))]),),
     ['Write a note: {0}', 'Note this: {0}', 'Save the note: {0}'], 'The note is saved.'),
]
TWO_CITIES = [('from city', 'string', ['from', 'start', 'origin']), ('to city', 'string', ['to', 'end', 'destination'])]
ACTIONS += [
    ('find a distance', ['Get the distance between two cities.', 'Distance between two places in km.'], ['distance', 'get_distance', 'howFar'], TWO_CITIES,
     lambda r: (w.city(r), w.city(r)), ['How far is it from {0} to {1}?', 'What is the distance from {0} to {1}?', 'Distance between {0} and {1}?'], 'From {0} to {1} it is {res}.'),
    ('find a travel time', ['Get the travel time between two cities.', 'How long a trip takes.'], ['travel_time', 'trip', 'duration'], TWO_CITIES,
     lambda r: (w.city(r), w.city(r)), ['How long does it take from {0} to {1}?', 'What is the travel time from {0} to {1}?'], 'From {0} to {1} it takes {res}.'),
    ('get an exchange rate', ['Get the exchange rate of two currencies.', 'Exchange rate between currencies.'], ['exchange_rate', 'fx', 'rate'],
     [('from currency', 'string', ['from', 'base', 'source']), ('to currency', 'string', ['to', 'quote', 'target'])],
     lambda r: tuple(r.sample(['euro', 'peso', 'krone', 'dollar', 'yen', 'franc', 'pound', 'real'], 2)),
     ['What is the exchange rate from {0} to {1}?', 'How many {1} is one {0}?', 'Rate of {0} to {1}?'], 'One {0} is {res} {1}.'),
    ('get the forecast', ['Get the weather forecast for a city on a day.', 'Weather forecast.'], ['forecast', 'get_forecast', 'weatherOn'],
     [('city', 'string', ['city', 'place', 'location']), ('date', 'string', ['date', 'day', 'when'])],
     lambda r: (w.city(r), w.date(r)), ['What is the forecast for {0} on {1}?', 'How will the weather be in {0} on {1}?', 'Forecast for {1} in {0}?'], 'The forecast for {0} on {1} is {res}.'),
]
INVENTED_RESULTS = {
    'translate a text': w.word, 'find a distance': lambda r: f'{r.randint(20, 9000)} km', 'find a travel time': lambda r: f'{r.randint(2, 90)} hours',
    'get an exchange rate': w.decimal, 'get the forecast': among('sunny', 'rain', 'snow', 'cloudy', 'storm')}
UNIT_SIZES = {'km': 1000, 'miles': 1609.34, 'kg': 1, 'pounds': .453592, 'meters': 1, 'feet': .3048, 'inches': .0254, 'cm': .01}

DESCRIPTIONS = {
    'lookup': ['Get the {a} of a {e}.', 'Return the {a} for a {e}.', 'Look up the {a} of a {e}.', 'Gives the {a} of a given {e}.', '{A} of a {e}.',
               'Find the {a} of one {e}.', 'Reports the {a} of a {e}.', 'Fetch the {a} for a {e}.', 'Tells the {a} of any {e}.', 'Query the {a} of a {e} by {r}.',
               'Read the {a} of a {e}.', 'For a {e}, return the {a}.', 'Knows the {a} of each {e}.', '{E} {a}.', 'The {a} of a {e}.',
               'Get the current {a} of a {e}.', 'Returns the {a}.', '{A} service.', '{A} by {e}', 'Get the latest {a} for the given {e}.',
               'Return the {a} of a {e} as text.', 'Asks the database for the {a} of a {e}.', 'Get {a}', 'Shows which {a} a {e} has.'],
    'calculator': ['Evaluate an arithmetic expression.', 'Compute the value of a math expression.', 'Calculator for math expressions.', 'Does arithmetic.',
                   'Calculate an expression and return the number.', 'Work out a formula.', 'Exact arithmetic.', 'Calculate numbers.', 'Math: evaluates a formula.'],
    'search': ['Search the manual.', 'Find passages in the documents.', 'Full text search over the manual.', 'Look up passages in the manual.',
               'Search the documents for a text.', 'Finds text in the files.', 'Search through the notes.', 'Query the documentation.'],
    'python': ['Run Python code.', 'Execute a Python script.', 'Python interpreter. Returns the output.', 'Runs Python code.', 'Executes code in Python.', 'Runs a program written in Python.'],
}
NATURAL_NAMES = {
    'calculator': ['calc', 'math_eval', 'compute', 'evaluate', 'arithmetic', 'do_math', 'eval_expr'],
    'search': ['search_docs', 'find_passages', 'lookup_manual', 'doc_search', 'query_docs', 'manualSearch'],
    'python': ['run_python', 'execute_code', 'py', 'code_runner', 'runCode', 'interpreter'],
}
ROLES = {
    'calculator': [('expression', 'string', ['expression', 'expr', 'formula', 'input', 'e'])],
    'search': [('query', 'string', ['query', 'q', 'text', 'keywords', 'search']), ('limit', 'integer', ['limit', 'max_results', 'n', 'top_k', 'count'])],
    'python': [('code', 'string', ['code', 'script', 'source', 'program'])],
}


def shipped_spec(kind):
    types = {role: {'type': type_} for role, type_, _ in ROLES[kind]}
    text = {'calculator': 'Evaluate an arithmetic expression exactly.', 'search': 'Search the documents and return matching passages.',
            'python': 'Run Python code and return what it prints.'}[kind]
    return {'description': text, 'name': kind, 'parameters': {'type': 'object', 'properties': types, 'required': [ROLES[kind][0][0]]}}


SHIPPED_SHARE = .55

# ---------------------------------------------------------------- tool results

def calculate(expression):
    """Exact arithmetic; the result text of the shipped calculator."""
    if not re.fullmatch(r'[0-9.+\-*/%^() ]+', expression) or len(expression) > 200:
        return 'Error: bad expression'
    if any(int(e) > 64 for e in re.findall(r'(?:\*\*|\^) *(\d+)', expression)):
        return 'Error: exponent too large'
    source = re.sub(r'\d+(\.\d+)?', lambda m: f'F("{m[0]}")', expression.replace('^', '**'))
    try:
        value = Fraction(eval(source, {'__builtins__': {}, 'F': Fraction}))
    except ZeroDivisionError:
        return 'Error: division by zero'
    except Exception:
        return 'Error: bad expression'
    return decimal_text(value)


def decimal_text(value):
    rest, digits = value.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest //= prime
            power += 1
        digits = max(digits, power)
    if rest != 1:
        scaled = round(abs(value) * 10**6)
        text = f'{scaled // 10**6}.{scaled % 10**6:06d}'
        return f'{"-" if value < 0 else ""}{text} (exactly {value.numerator}/{value.denominator})'
    if not digits:
        return str(value.numerator)
    scaled = abs(value) * 10**digits
    text = str(scaled.numerator).rjust(digits + 1, '0')
    return ('-' if value < 0 else '') + text[:-digits] + '.' + text[-digits:]


PYTHON_BUILTINS = {n: getattr(builtins, n) for n in
                   'print sum range len sorted max min str int set list bin hex abs reversed enumerate round __import__'.split()}


def run_python(code):
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(code, {'__builtins__': PYTHON_BUILTINS})
    except Exception as error:
        return 'Error: ' + type(error).__name__
    return out.getvalue().strip()[:300]


SEARCH_LIMIT_DEFAULT = 3


def search_documents(documents, query, limit):
    """Lines that share a word with the query, best first; ties in file order."""
    terms = set(re.findall(r'\w+', query.lower()))
    hits = []
    for file, text in documents.items():
        for number, line in enumerate(text.split('\n'), 1):
            score = len(terms & set(re.findall(r'\w+', line.lower())))
            if score:
                hits.append((-score, len(hits), f'{file}:{number}: {line}'))
    hits.sort()
    hits = [hit for hit in hits if hit[0] <= hits[0][0] / 2]
    return '\n'.join(hit[2] for hit in hits[:max(1, limit)]) or 'no match'


class Tool:
    """A spec the model reads plus the behaviour behind it.

    kind: calculator | search | python | lookup | action. roles: role -> argument name, as the
    generator thinks in roles and the tool in its own argument names.
    """

    def __init__(self, kind, spec, roles, shipped=False, attribute=None, entity=None, data=None, action=None,
                 documents=None, wrap=None):
        self.kind, self.spec, self.roles, self.shipped = kind, spec, roles, shipped
        self.attribute, self.entity, self.data, self.action = attribute, entity, data, action
        self.documents, self.wrap = documents, wrap
        self.extra = {}         # further keys of a record result
        self.fail_first = None  # an error text, returned once
        self.surprise = None    # a number the calculator returns instead of the true one

    name = property(lambda self: self.spec['name'])
    description = property(lambda self: self.spec['description'])

    def call(self, **values):
        """(name, arguments) with the keys in the schema's order."""
        by_name = {self.roles[role]: value for role, value in values.items() if role in self.roles}
        return self.name, {n: by_name[n] for n in self.spec['parameters']['properties'] if n in by_name}

    def argument(self, arguments, role, default=None):
        return arguments.get(self.roles.get(role), default)

    def result_of(self, text, key):
        if self.wrap is None:
            return text
        try:
            value = json.loads(text) if re.fullmatch(r'-?(0|[1-9]\d*)(\.\d+)?', text) else text
        except ValueError:
            value = text
        if self.wrap == 'record':
            return compact(dict(self.extra, **{key: value}) if len(text) % 2 else {key: value, **self.extra})
        return compact({key if self.wrap == 'key' else 'result': value})

    def run(self, arguments, state):
        """state: a set of tools that have already failed once in this execution."""
        if self.fail_first and self.name not in state:
            state.add(self.name)
            return self.fail_first
        try:
            if self.kind == 'calculator':
                return self.surprise or calculate(self.argument(arguments, 'expression'))
            if self.kind == 'python':
                return run_python(self.argument(arguments, 'code'))
            if self.kind == 'search':
                return search_documents(self.documents, self.argument(arguments, 'query'),
                                        int(self.argument(arguments, 'limit', SEARCH_LIMIT_DEFAULT)))
            if self.kind == 'lookup':
                key = self.argument(arguments, 'key')
                return self.result_of(self.data[key], self.attribute) if key in self.data else f'Error: {self.entity} not found'
            if self.action[0] == 'convert units':
                source, target = self.argument(arguments, 'from unit'), self.argument(arguments, 'to unit')
                value = float(self.argument(arguments, 'value')) * UNIT_SIZES[source] / UNIT_SIZES[target]
                return f'{value:.2f}'.rstrip('0').rstrip('.')
            if self.action[0] in INVENTED_RESULTS:
                return self.result_of(INVENTED_RESULTS[self.action[0]](random.Random(compact(arguments))), 'value')
            return self.result_of('ok', 'status')
        except Exception as error:
            return 'Error: ' + type(error).__name__
