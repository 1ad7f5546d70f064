"""Synthetic tool-calling dialogues with really executed tools.

    python3 dialogues.py show --n 3 --seed a [--unseen]       dialogues as the model reads them
    python3 dialogues.py eval --n 500 --seed test [--unseen]  evaluation set, one JSON object a line
    python3 dialogues.py corpus --n 6000 --seed tok           texts for the tokenizer trainer

A dialogue is a pure function of (seed, unseen, families, split). Train and test are disjoint: a user
text that hashes to 0 modulo 16 never stands in training, and every test dialogue has one (a few
fixed greetings stand in both).
"""
import argparse
import json
import random
import re
import sys
import zlib

import words as w
from render import compact, render, system_text
from tools import (ACTIONS, DESCRIPTIONS, ENTITIES, INVENTED_ENTITY_SHARE, NATURAL_NAMES,
                   NUMERIC, ROLES, SHIPPED_SHARE, shipped_spec, Tool, whole)

TEST_ONE_IN = 16


class Dialogue:
    def __init__(self, family, system):
        self.family, self.system = family, system
        self.tools, self.items, self.checks, self.schema = [], [], [], None
        self.state = set()

    def prompt(self):
        return system_text(self.system, [t.spec for t in self.tools])

    def tool(self, name):
        return next((t for t in self.tools if t.name == name), None)

    def user(self, text):
        self.items.append(('user', text))

    def calls(self, thinking, calls):
        self.items.append(('assistant', thinking, None, calls))
        results = [self.tool(name).run(arguments, self.state) for name, arguments in calls]
        self.items.append(('tool', results))
        return results

    def answer(self, thinking, text, contains=None, json_value=None):
        self.items.append(('assistant', thinking, text, None))
        self.checks.append({'json': json_value} if json_value is not None else {'contains': contains})

    def user_texts(self):
        return [item[1] for item in self.items if item[0] == 'user']

    def turns(self):
        """[{user, calls per step, answer check}]"""
        turns = []
        for item in self.items:
            if item[0] == 'user':
                turns.append({'user': item[1], 'calls': []})
            elif item[0] == 'assistant' and item[3]:
                turns[-1]['calls'].append([{'name': n, 'arguments': a} for n, a in item[3]])
        for turn, check in zip(turns, self.checks):
            turn['answer'] = check
        return turns


def value_of(result, key=None):
    """The bare value inside a tool result."""
    if result.startswith('{'):
        record = json.loads(result)
        value = record[key] if key in record else next(iter(record.values()))
        return value if isinstance(value, str) else compact(value)
    return result


def choose_tool(need, *tools):
    """Thinking that names tools: the need, then each tool's description as it stands in the list, and its name."""
    return need + ''.join(f'\n{t.description}\n{t.name}' for t in dict.fromkeys(tools))


QUESTION_WORDS = set('What Which How Do Can Where Who When The On'.split())
POLITE_VERBS = set('Tell Find Give Show Add Take Multiply Divide Subtract Compute Calculate Evaluate Set Start Send Create Put Book Convert Turn Translate Order Buy Play Write Search Look Check Square Double'.split())
SYSTEMS = ['You are a helpful assistant.', 'You are a helpful agent.', 'You are a careful assistant that uses tools.',
           'Answer the user. Use tools when needed.', 'You are an assistant. Be brief.', 'Be brief.', 'Use the tools.']
SMALL_TALK = [
    ('Hello!', 'Hello! How can I help you?'), ('Hi!', 'Hello! How can I help you?'), ('Good morning!', 'Good morning! How can I help you?'),
    ('Good evening!', 'Good evening! How can I help you?'), ('Who are you?', 'I am a small assistant that can use tools.'),
    ('What are you?', 'I am a small assistant that can use tools.'), ('Thank you!', 'You are welcome!'), ('Thanks a lot!', 'You are welcome!'),
    ('What is the capital of France?', 'The capital of France is Paris.'), ('What is the capital of Italy?', 'The capital of Italy is Rome.'),
    ('What is the capital of Japan?', 'The capital of Japan is Tokyo.'), ('How many days has a week?', 'A week has seven days.'),
    ('How many months has a year?', 'A year has twelve months.'), ('What color is the sky?', 'The sky is blue.'), ('What color is grass?', 'Grass is green.'),
    ('What can you do?', 'I can use the tools that you give me.'), ('Bye!', 'Goodbye!'), ('See you later.', 'Goodbye!')]
MIX = {'arithmetic': 9, 'search': 9, 'python': 6, 'extract': 14, 'lookup': 13, 'action': 9, 'chain': 11, 'parallel': 11,
       'no_tool': 12, 'error': 6, 'follow_up': 6}
TRAINING_MIX = MIX | {'arithmetic': 30, 'search': 13, 'extract': 36, 'action': 12, 'parallel': 14, 'follow_up': 9}  # by what is still hard
SIMPLE = ['arithmetic', 'search', 'python', 'lookup', 'action', 'extract']
DOCUMENT_FACTS = [('pressure limit', 'bar'), ('operating temperature', 'degrees'), ('warranty period', 'months'), ('service interval', 'hours'),
                  ('maximum load', 'kg'), ('voltage', 'volts'), ('charging time', 'minutes'), ('noise level', 'decibel'), ('oil capacity', 'liters'),
                  ('spare part number', ''), ('torque', 'Nm'), ('delivery time', 'days'), ('power', 'watts'), ('cable length', 'meters')]
PLACES = ['cellar', 'attic', 'office', 'garage', 'workshop', 'kitchen', 'store room', 'yard']
# what a document states, questions about it, query; {p} a thing, {who} a person, {place}, {time}, {day}, {n}
RELATIONS = [
    ('The {p} is kept in the {place}.', ['Where is the {p} kept?', 'Where can I find the {p}?', 'In which place is the {p}?'], '{p} kept', 'place'),
    ('{Who} is responsible for the {p}.', ['Who is responsible for the {p}?', 'Whom do I ask about the {p}?'], 'responsible {p}', 'who'),
    ('The {p} was repaired by {who}.', ['Who repaired the {p}?', 'By whom was the {p} repaired?'], '{p} repaired', 'who'),
    ('The {p} was bought on {day}.', ['When was the {p} bought?', 'On which day did we buy the {p}?'], '{p} bought', 'day'),
    ('The {p} starts at {time}.', ['When does the {p} start?', 'At what time does the {p} start?'], '{p} starts', 'time'),
    ('The {place} opens at {time}.', ['When does the {place} open?', 'At which hour does the {place} open?', 'Opening time of the {place}?'], '{place} opens', 'time'),
    ('The {place} is cleaned by {who}.', ['Who cleans the {place}?', 'Which person cleans the {place}?'], '{place} cleaned', 'who'),
    ('The key of the {place} is number {n}.', ['Which key belongs to the {place}?', 'Number of the key of the {place}?'], 'key {place}', 'n'),
    ('The {p} must be checked every {n} days.', ['How often must the {p} be checked?', 'After how many days is the {p} checked?'], '{p} checked', 'n'),
    ('The {p} weighs {n} kg.', ['How heavy is the {p}?', 'What does the {p} weigh?'], '{p} weighs', 'n'),
    ('The {p} costs {n} euros.', ['How expensive is the {p}?', 'What does a {p} cost?', 'What do we pay for the {p}?'], '{p} costs', 'n'),
    ('There is room for {n} people in the {place}.', ['How many people fit into the {place}?', 'For how many people is the {place}?'], 'people {place}', 'n'),
    ('{Who} wrote the report about the {p}.', ['Who wrote about the {p}?', 'Whose report is about the {p}?'], 'report {p}', 'who'),
    ('The meeting about the {p} is on {day}.', ['When is the meeting about the {p}?', 'On which day do we meet about the {p}?'], 'meeting {p}', 'day'),
    ('The alarm of the {place} has the code {n}.', ['What is the alarm code of the {place}?', 'Which code stops the alarm in the {place}?'], 'alarm {place}', 'n')]
RELATION_SHARE = .3
TRY_AGAIN = ['Error: timeout, try again', 'Error: busy, try again', 'Error: connection lost, try again', 'Error: server overloaded, try again']
FINAL_ERRORS = ['Error: access denied', 'Error: service offline', 'Error: not allowed', 'Error: out of memory', 'Error: no connection']


class Retry(Exception):
    """This draw gives no sound dialogue; draw again."""


def capital(text):
    return text[0].upper() + text[1:]


class Generator:
    """Writes one dialogue from one random source."""

    def __init__(self, rng, unseen, distractors_max):
        self.rng, self.unseen, self.distractors_max = rng, unseen, distractors_max
        self.test = False   # no surprising calculators in test dialogues
        self.shared = None  # the dialogue that several requests go into

    # ---- tools
    def property_names(self, roles):
        """-> ({role: name}, {name: schema}), in a random order now and then."""
        rng, names, properties = self.rng, {}, {}
        roles = list(roles)
        if rng.random() < .2:
            rng.shuffle(roles)
        for role, type_, usual in roles:
            strange = rng.random() < (.6 if self.unseen else .3)
            name = w.invented_name(rng, self.unseen) if strange else rng.choice(usual)
            while name in properties:
                strange, name = True, w.invented_name(rng, self.unseen)
            schema = {'type': type_}
            if strange and len(roles) > 1:
                schema['description'] = role
            names[role], properties[name] = name, schema
        return names, properties

    def add(self, dialogue, kind, natural, description, roles, **behaviour):
        rng = self.rng
        names, properties = self.property_names(roles)
        taken = {t.name for t in dialogue.tools}
        while True:
            name = w.invented_name(rng, True) if self.unseen else natural() if rng.random() < .35 else w.invented_name(rng, False)
            if name not in taken:
                break
        spec = {'description': description, 'name': name,
                'parameters': {'type': 'object', 'properties': properties,
                               'required': [names[role] for role, _, _ in roles if role != 'limit']}}
        spec['parameters']['required'].sort(key=list(properties).index)
        tool = Tool(kind, spec, names, **behaviour)
        dialogue.tools.append(tool)
        return tool

    def basic(self, dialogue, kind, documents=None):
        """calculator, search or python: the one there, the shipped one or an invented equivalent."""
        rng = self.rng
        for tool in dialogue.tools:
            if tool.kind == kind:
                if documents:
                    tool.documents = {**documents, **tool.documents}
                return tool
        if not self.unseen and rng.random() < SHIPPED_SHARE:
            roles = {role: role for role, _, _ in ROLES[kind]}
            tool = Tool(kind, shipped_spec(kind), roles, shipped=True, documents=documents)
            dialogue.tools.append(tool)
            return tool
        roles = ROLES[kind]
        if kind == 'search' and rng.random() < .5:
            roles = roles[:1]
        return self.add(dialogue, kind, lambda: rng.choice(NATURAL_NAMES[kind]), rng.choice(DESCRIPTIONS[kind]), roles, documents=documents)

    def lookup(self, dialogue, attribute=None, entity=None, numeric=False, data=None, avoid=()):
        rng = self.rng
        avoid = set(avoid) | {t.attribute for t in dialogue.tools if t.attribute}
        invented = attribute is None and entity is None and not numeric and rng.random() < INVENTED_ENTITY_SHARE
        if invented:
            entity, attribute = w.word(rng), w.word(rng) + rng.choice(['', '', ' level', ' code', ' count'])
            make_key, make_value = rng.choice([w.ident, w.city, lambda r: w.word(r)]), rng.choice([whole(1, 999), w.word, w.decimal])
        while attribute is None:
            pick = entity or rng.choice(list(ENTITIES))
            options = [a for a in ENTITIES[pick][1] if a not in avoid and (a in NUMERIC or not numeric)]
            if options:
                entity, attribute = pick, rng.choice(options)
            else:
                entity = None
        if not invented and entity in ENTITIES and attribute in ENTITIES[entity][1]:
            make_key, make_value = ENTITIES[entity][0], ENTITIES[entity][1][attribute]
        if data is None:
            data = {}
            while len(data) < 4:
                data[make_key(rng)] = make_value(rng)
        role_name = rng.choice([entity, 'name', 'id', 'key', entity + '_name'])
        description = rng.choice(DESCRIPTIONS['lookup']).format(a=attribute, e=entity, A=capital(attribute), E=capital(entity), r=role_name)
        description = re.sub(r'\ba (?=[aeiou])', 'an ', description)
        tool = self.add(dialogue, 'lookup', lambda: w.natural_name(rng, attribute, entity), description,
                        [('key', 'string', [role_name])], attribute=attribute, entity=entity, data=data,
                        wrap=rng.choice([None, None, None, 'key', 'result', 'record']))
        others = [a for a in ENTITIES.get(entity, (None, ['note', 'source']))[1] if a != attribute]
        tool.extra = {a: rng.randint(1, 999) if rng.random() < .5 else w.word(rng) for a in rng.sample(others, min(len(others), rng.randint(1, 2)))}
        return tool

    def act(self, dialogue, action):
        rng = self.rng
        return self.add(dialogue, 'action', lambda: rng.choice(action[2]), rng.choice(action[1]), action[3], action=action,
                        wrap=rng.choice([None, 'key', 'result']))

    def invented_action(self):
        """An action only the description explains."""
        rng = self.rng
        verb, thing = w.word(rng), rng.choice(w.NOUNS)
        return (f'{verb} a {thing}', [f'{capital(verb)} a {thing}.', f'Can {verb} a {thing}.'], [verb, f'{verb}_{thing}'],
                [(thing, 'string', [thing, 'name', 'target']), ('times', 'integer', ['times', 'n', 'count'])],
                lambda r: (w.product(r).split()[0] + ' ' + thing, r.randint(2, 50)),
                [capital(verb) + ' the {0} {1} times.', 'Please ' + verb + ' the {0}, {1} times.'], f'I did {verb} the ' + '{0}.')

    def distract(self, dialogue, avoid=(), near=None, count=None):
        """More tools, none of which serves; near: an entity whose other attributes are offered."""
        rng = self.rng
        if count is None:
            count = rng.choice([0, 0, 1, 1, 1, 2, 2, 3, 4, 5])
        tools_max = 6
        for _ in range(min(self.distractors_max, count)):
            if len(dialogue.tools) >= tools_max:
                break
            kind = rng.choice(['calculator', 'search', 'python', 'lookup', 'lookup', 'lookup', 'action', 'action'])
            if kind in avoid or kind in ('calculator', 'search', 'python') and any(t.kind == kind for t in dialogue.tools):
                continue
            if kind == 'lookup':
                entity = near if near in ENTITIES and rng.random() < .6 else None
                self.lookup(dialogue, entity=entity, avoid=avoid)
            elif kind == 'action':
                action = rng.choice(ACTIONS)
                if action[0] not in avoid and not any(t.action is action for t in dialogue.tools):
                    self.act(dialogue, action)
            else:
                self.basic(dialogue, kind, self.documents()[0] if kind == 'search' else None)
        rng.shuffle(dialogue.tools)

    def start(self, family):
        rng = self.rng
        if self.shared:
            return self.shared
        system = rng.choice(SYSTEMS)
        if rng.random() < .25:
            name, thing = w.word(rng).capitalize(), rng.choice(w.NAME_WORDS)
            system = rng.choice([f'You are {name}.', f'You are {name}, a {thing} assistant.', f'Your name is {name}. Answer in short sentences.',
                                 f'You work for {name}.', f'You help with the {thing}.', 'You are a tool-using assistant. Think first, then act.'])
        return Dialogue(family, '' if rng.random() < .3 else system)

    # ---- requests
    def polite(self, text):
        """The same request as different people would type it."""
        rng = self.rng
        kind = rng.random()
        if kind < .5:
            return text
        first = text.split()[0]
        plain_start = first in POLITE_VERBS | QUESTION_WORDS
        low = text[0].lower() + text[1:] if plain_start else text
        if kind < .58 and first in POLITE_VERBS:
            return rng.choice(['Please ', 'Can you ', 'Could you ', 'please ', 'I want you to ', "Let's "]) + low
        if kind < .58 and text.startswith('What is '):
            return rng.choice(["What's ", "what's ", 'Can you tell me what is ', 'Tell me, what is ', 'Could you tell me ', 'I would like to know ']) + text[8:]
        if kind < .72:
            return rng.choice(['Hi! ', 'Hello, ', 'Hey, ', 'Ok, ', 'Quick question: ', 'So, ', 'And now: ', 'I have a question. ']) + (low if rng.random() < .5 else text)
        if kind < .84:
            return text + rng.choice([' Thanks!', ' Thank you.', ' please', ' Please.', ' Be quick.', ' It is important.'])
        if kind < .94:
            return (low if rng.random() < .6 else text).rstrip('.?') + rng.choice(['', '', '?', '.', '!'])
        return low

    def expression(self, depth=2):
        """A random expression; its divisors divide powers of ten."""
        rng = self.rng
        if depth == 0 or rng.random() < .2:
            return w.decimal(rng) if rng.random() < .12 else str(w.number(rng))
        op = rng.choice('++--**/')
        left, right = self.expression(depth - 1), rng.choice('2 4 5 8 10 20 25'.split()) if op == '/' else self.expression(depth - 1)
        if op in '*/' and re.search('[+-]', left) or rng.random() < .05 and not left[-1].isdigit():
            left = f'({left})'
        if op in '*-' and re.search('[+*/-]', right):
            right = f'({right})'
        return left + op + right

    def sum_text(self):
        """A question and its expression; most divisions come out exact."""
        rng, n = self.rng, w.number
        if rng.random() < .3:
            e = self.expression(rng.choice([1, 2, 2]))
            while not re.search('[+*/-]', e):
                e = self.expression(2)
            spaced = re.sub(r'([+*/-])', r' \1 ', e)
            return rng.choice(['What is {}?', 'Compute {}.', 'Calculate {}', '{}', '{} = ?', 'How much is {}?', 'Evaluate {}.', 'Please work out {}.',
                               'Can you compute {}?', 'I need the value of {}.', "What's {}?", 'Tell me {}.']).format(e if rng.random() < .6 else spaced), e
        a, b, c = n(rng), n(rng), n(rng)
        if rng.random() < .15:
            a = w.decimal(rng)
        other = rng.choice(w.FIRST_NAMES)
        person, thing = rng.choice(w.FIRST_NAMES), rng.choice('apples pens books coins stamps tickets boxes cards'.split())
        divisor = rng.choice([2, 4, 5, 8, 10, 20, 25, n(rng, 60)])
        dividend = divisor * n(rng) if rng.random() < .8 else n(rng)
        percent = rng.choice([5, 10, 15, 20, 25, 30, 40, 50, 75, rng.randint(1, 99)])
        power = rng.randint(2, 9)
        return rng.choice([
            (rng.choice([f'What is {a} times {b}?', f'Multiply {a} by {b}.', f'How much is {a} * {b}?', f'{a} x {b}', f'{a}*{b}?']), f'{a}*{b}'),
            (rng.choice([f'What is {a} plus {b}?', f'Add {a} and {b}.', f'{a} + {b} = ?', f'What is the sum of {a} and {b}?']), f'{a}+{b}'),
            (rng.choice([f'What is {a} minus {b}?', f'Subtract {b} from {a}.', f'{a} - {b}?']), f'{a}-{b}'),
            (rng.choice([f'Divide {dividend} by {divisor}.', f'What is {dividend} divided by {divisor}?', f'{dividend} / {divisor} = ?', f'How often does {divisor} go into {dividend}?',
                         f'{dividend} km in {divisor} hours: how fast is that?', f'Put {dividend} {thing} into bags of {divisor}. How many bags?']), f'{dividend}/{divisor}'),
            (rng.choice([f'How much is {percent} percent of {a}?', f'What is {percent}% of {a}?', f'{percent}% of {a}?']), f'{percent}/100*{a}'),
            (rng.choice([f'{a} and {b} added together', f'What do {a} and {b} make?', f'The total of {a} and {b}?', f'Sum up {a} and {b}.']), f'{a}+{b}'),
            (rng.choice([f'What is the product of {a} and {b}?', f'The product of {a} and {b}?', f'How much are {a} times {b}?']), f'{a}*{b}'),
            (rng.choice([f'What is the difference between {a} and {b}?', f'Take {b} away from {a}.', f'{a} less {b}', f'How much is {a} minus {b}?']), f'{a}-{b}'),
            (rng.choice([f'What is {dividend} over {divisor}?', f'How much is {dividend} divided by {divisor}?', f'Split {dividend} into {divisor} equal parts.']), f'{dividend}/{divisor}'),
            (rng.choice([f'{person} has {a} {thing} and {other} has {b}. How many together?', f'There are {a} red and {b} blue {thing}. How many in all?',
                         f'We drove {a} km in the morning and {b} km in the evening. How far in all?', f'{a} {thing} here, {b} there. How many altogether?',
                         f'I paid {a} euros for food and {b} for fuel. What did I spend?']), f'{a}+{b}'),
            (rng.choice([f'I have {a} euros and spend {b}. How much is left?', f'{person} pays {b} of {a} euros. What remains?', f'From {a} {thing} {b} were sold. How many remain?',
                         f'{a} people were there and {b} went home. How many stayed?', f'{person} is {a} cm tall and {other} {b}. What is the difference?',
                         f'A book has {a} pages. I have read {b}. How many pages are left?']), f'{a}-{b}'),
            (rng.choice([f'{b} people pay {a} euros each. How much is that?', f'{person} works {b} days for {a} euros a day. How much money is that?']), f'{b}*{a}'),
            (rng.choice([f'A ticket costs {a} euros. How much are {b} tickets?', f'{capital(thing)} cost {a} euros each. What do {b} {thing} cost?',
                         f'{person} saves {a} euros a week. How much is that after {b} weeks?', f'One box holds {a} {thing}. How many do {b} boxes hold?']), f'{a}*{b}'),
            (rng.choice([f'A room is {a} by {b} meters. What is its area?', f'What is the area of a rectangle of {a} by {b}?']), f'{a}*{b}'),
            (rng.choice([f'Increase {a} by {percent}%.', f'{a} plus {percent}%?', f'A price of {a} rises by {percent} percent. What is it now?']), f'{a}*(100+{percent})/100'),
            (rng.choice([f'Reduce {a} by {percent}%.', f'What is {a} with a discount of {percent}%?', f'{a} minus {percent} percent?']), f'{a}*(100-{percent})/100'),
            (rng.choice([f'How many minutes are {b} hours?', f'{b} hours in minutes?']), f'{b}*60'),
            (rng.choice([f'What is the cube of {power}?', f'{power} cubed?']), f'{power}**3'),
            (rng.choice([f'What is {percent}% of {a} plus {b}?', f'Add {b} to {percent} percent of {a}.']), f'{percent}/100*{a}+{b}'),
            (rng.choice([f'What is {a} plus {b} minus {c}?', f'Add {b} to {a} and subtract {c}.']), f'{a}+{b}-{c}'),
            (rng.choice([f'What is {a} times {b} plus {c}?', f'Multiply {a} by {b} and add {c}.']), f'{a}*{b}+{c}'),
            (rng.choice([f'What is half of {a}?', f'Half of {a}?']), f'{a}/2'),
            (rng.choice([f'Double {a}.', f'What is twice {a}?']), f'{a}*2'),
            (rng.choice([f'What is the price of {b} {thing} at {a} each?', f'{b} rows of {a} chairs: how many chairs?', f'Every one of {b} shelves carries {a} {thing}. How many {thing}?']), f'{b}*{a}'),
            (rng.choice([f'Add {a}, {b} and {c}.', f'What is the sum of {a}, {b} and {c}?', f'{person} bought three things for {a}, {b} and {c} euros. What did they cost?',
                         f'Three bills: {a}, {b} and {c} euros. How much is that?']), f'{a}+{b}+{c}'),
            (rng.choice([f'What is the square of {b}?', f'Square {b}.', f'{b} squared?']), f'{b}**2'),
            (rng.choice([f'What is {b} to the power of {power}?', f'Raise {b} to the power {power}.']), f'{b}**{power}'),
            (rng.choice([f'What is the remainder of {b} divided by {power}?', f'What is {b} modulo {power}?']), f'{b}%{power}'),
            (f'{person} has {a} {thing} and buys {b} more. How many {thing} now?', f'{a}+{b}'),
            (f'{person} had {a} {thing} and gave away {b}. How many are left?', f'{a}-{b}'),
            (rng.choice([f'I bought {b} boxes with {a} {thing} each. How many {thing} in total?', f'There are {b} bags with {a} {thing} each. How many {thing}?']), f'{b}*{a}'),
            (rng.choice([f'Evaluate ({a}+{b})*{c}.', f'Compute ({a}+{b})*{c}.', f'What is ({a}+{b})*{c}?']), f'({a}+{b})*{c}'),
            (rng.choice([f'Calculate {a}*{b}-{c}.', f'What is {a}*{b}-{c}?']), f'{a}*{b}-{c}'),
            (rng.choice([f'Compute {a}+{b}*{c}.', f'What is {a}+{b}*{c}?']), f'{a}+{b}*{c}'),
            (rng.choice([f'What is the average of {a} and {b}?', f'The average of {a} and {b}?']), f'({a}+{b})/2'),
            (f'What is the average of {a}, {b} and {c}?', f'({a}+{b}+{c})/3'),
            (rng.choice([f'How many days are {b} weeks?', f'{b} weeks in days?']), f'{b}*7'),
            (rng.choice([f'How many hours are {b} days?', f'{b} days in hours?']), f'{b}*24'),
            (f'A car drives {b} km per hour for {c} hours. How far does it go?', f'{b}*{c}'),
            (f'Share {dividend} {thing} among {divisor} people. How many each?', f'{dividend}/{divisor}'),
            (rng.choice([f'Work out {a}*({b}-{c}).', f'Compute {a}*({b}-{c}).']), f'{a}*({b}-{c})')])

    def ask(self, tool, key):
        return self.rng.choice([
            'What is the {a} of {e} {k}?', 'Tell me the {a} of {e} {k}.', 'I need the {a} of {k}.', 'What is the {a} of {k}?', '{k}: what is the {a}?',
            'Find the {a} for {e} {k}.', 'Give me the {a} of {k}.', 'Can you look up the {a} of {k}?', 'Show me the {a} of {k}.', 'Which {a} has {k}?',
            'Do you know the {a} of {e} {k}?', 'I want to know the {a} of {k}.', '{a} of {k}?', 'What {a} does {e} {k} have?',
            'Get me the {a} of {k}.', 'I would like to know the {a} for {k}.', 'Check the {a} of {k}.', 'What {a} does {k} have?', 'The {a} of {k}, please.',
            'How about the {a} of {k}?', 'Could you check the {a} of {e} {k}?', '{k}, {a}?', 'Please give me the {a} for the {e} {k}.',
        ]).format(a=tool.attribute, e=tool.entity, k=key)

    def documents(self):
        """-> ({file: text}, [(thing, quantity, value)])"""
        rng = self.rng
        things = []
        while len(things) < 3:
            thing = w.product(rng)
            if thing not in things:
                things.append(thing)
        facts, lines, seen = [], [], set()
        for _ in range(rng.randint(2, 5)):
            thing = rng.choice(things)
            quantity, unit = rng.choice(DOCUMENT_FACTS) if rng.random() < .85 else (w.word(rng) + ' value', rng.choice(['mm', 'units', 'kg']))
            if (thing, quantity) in seen:
                continue
            seen.add((thing, quantity))
            value = f'{w.number(rng)} {unit}' if unit else w.ident(rng)
            facts.append((thing, quantity, value))
            lines.append(rng.choice(['The {q} of the {p} is {v}.', '{P}: the {q} is {v}.', 'For the {p} the {q} is {v}.', 'The {p} has a {q} of {v}.',
                                     'The {q} for the {p}: {v}.']).format(p=thing, P=capital(thing), q=quantity, v=value))
        for _ in range(rng.randint(0, 12)):
            lines.insert(rng.randint(0, len(lines)), rng.choice(['', '', '# ' + w.word(rng).capitalize()]))
        files = [rng.choice(['manual', 'handbook', 'faq', 'guide', 'notes', w.word(rng)]) + rng.choice(['.md', '.txt'])]
        if rng.random() < .25:
            files.append('part' + str(rng.randint(2, 9)) + '.md')
        cut = rng.randint(0, len(lines)) if len(files) > 1 else len(lines)
        return dict(zip(files, ['\n'.join(lines[:cut]), '\n'.join(lines[cut:])])), facts

    # ---- families
    def arithmetic(self, family='arithmetic'):
        rng, d = self.rng, self.start(family)
        question, expression = self.sum_text()
        d.user(self.polite(question))
        if self.shared or rng.random() < .88:
            tool = self.basic(d, 'calculator')
            if not self.test and not self.shared and rng.random() < .1:
                tool.surprise = str(w.number(rng)) if rng.random() < .7 else w.decimal(rng)
            self.distract(d)
            call = tool.call(expression=expression)
        else:
            tool = self.basic(d, 'python')
            self.distract(d, avoid=['calculator'])
            call = tool.call(code=f'print({expression})')
        result = d.calls(choose_tool(f'This is arithmetic: {expression}.', tool), [call])[0]
        d.answer(f'The tool returned {result}.', f'The answer is {result}.', [result])
        return d

    def related(self, d):
        """A search whose facts are whole sentences; the answer repeats the one found."""
        rng, documents, told = self.rng, self.documents()[0], []
        for sentence, questions, query, asked in rng.sample(RELATIONS, rng.randint(2, 4)):
            slots = {'p': w.product(rng), 'who': w.person(rng), 'place': rng.choice(PLACES), 'time': w.clock(rng), 'day': w.date(rng), 'n': w.number(rng)}
            told.append((sentence.format(Who=slots['who'], **slots), rng.choice(questions).format(**slots), query.format(**slots), str(slots[asked])))
        file = rng.choice(list(documents))
        lines = documents[file].split('\n')
        for sentence, *_ in told:
            lines.insert(rng.randint(0, len(lines)), sentence)
        documents[file] = '\n'.join(lines)
        sentence, question, query, value = rng.choice(told)
        tool = self.basic(d, 'search', documents)
        self.distract(d)
        d.user(self.polite(question))
        result = d.calls(choose_tool(f'I look for {query} in the documents.', tool), [tool.call(query=query)])[0]
        if sentence not in result:
            raise Retry
        d.answer('The documents say it.', f'The documents say: {sentence}', [value])
        return d

    def search(self):
        rng, d = self.rng, self.start('search')
        if rng.random() < RELATION_SHARE:
            return self.related(d)
        documents, facts = self.documents()
        thing, quantity, value = rng.choice(facts)
        tool = self.basic(d, 'search', documents)
        self.distract(d)
        question = self.polite(rng.choice([
            'What does the manual say about the {q} of the {p}?', 'According to the manual, what is the {q} of the {p}?', 'Find the {q} of the {p} in the manual.',
            'Check the documents: what is the {q} of the {p}?', 'What is the {q} of the {p}?', 'Search for the {q} of the {p}.', 'Look up the {q} of the {p}.',
            'Which {q} has the {p}?', 'What do the documents say about the {q} of the {p}?', 'In the manual, what is the {q} of the {p}?', 'How high is the {q} of the {p}?',
            'I am looking for the {q} of the {p}.', 'What {q} does the {p} have?', '{q} of the {p}?', 'Tell me the {q} of the {p}.', 'Does the manual give the {q} of the {p}?',
            'Look into the documents for the {q} of the {p}.', 'What is the {q} for the {p}?']).format(q=quantity, p=thing))
        values = {'query': f'{thing} {quantity}'}
        if 'limit' in tool.roles and rng.random() < .35:
            values['limit'] = rng.randint(1, 9)
            question += rng.choice([' Use at most {} results.', ' Look at {} results.', ' Limit it to {} results.', ' Return {} passages.']).format(values['limit'])
        d.user(question)
        result = d.calls(choose_tool(f'I need the {quantity} of the {thing} from the documents.', tool), [tool.call(**values)])[0]
        if value not in result:
            d.answer('The documents do not say it.', f'The documents do not say the {quantity} of the {thing}.', ['do not say'])
        else:
            d.answer(f'The {quantity} of the {thing} is {value}.', f'The {quantity} of the {thing} is {value}.', [value])
        return d

    def python(self):
        rng, d = self.rng, self.start('python')
        n, m, k = rng.randint(3, 60), rng.randint(3, 300), rng.randint(3, 14)
        text = rng.choice([w.word(rng, syllables=3), rng.choice(w.NOUNS), rng.choice(w.CITIES).lower(), rng.choice(w.NAME_WORDS)])
        letter, values = rng.choice(text), [rng.randint(1, 99) for _ in range(rng.randint(3, 6))]
        listed = ', '.join(map(str, values))
        task, code = rng.choice([
            (f'sum the squares from 1 to {n}', f'print(sum(i*i for i in range(1,{n}+1)))'), (f'sum the numbers from 1 to {m}', f'print(sum(range(1,{m}+1)))'),
            (f'compute the factorial of {k}', f'import math\nprint(math.factorial({k}))'), (f'reverse the word {text}', f"print('{text}'[::-1])"),
            (f'count the letter {letter} in {text}', f"print('{text}'.count('{letter}'))"), (f'sort the list {listed}', f'print(sorted([{listed}]))'),
            (f'find the largest of {listed}', f'print(max([{listed}]))'), (f'find the smallest of {listed}', f'print(min([{listed}]))'),
            (f'compute the gcd of {n} and {m}', f'import math\nprint(math.gcd({n},{m}))'), (f'convert {m} to binary', f'print(bin({m})[2:])'),
            (f'convert {m} to hex', f'print(hex({m})[2:])'), (f'get the length of the word {text}', f"print(len('{text}'))"),
            (f'write the word {text} in upper case', f"print('{text}'.upper())"), (f'list the even numbers up to {k * 2}', f'print(list(range(2,{k * 2}+1,2)))'),
            (f'compute 2 to the power of {n}', f'print(2**{n})'), (f'sum the list {listed}', f'print(sum([{listed}]))'),
            (f'count the words in {listed.replace(", ", " ")}', f"print(len('{listed.replace(', ', ' ')}'.split()))")])
        tool = self.basic(d, 'python')
        self.distract(d)
        d.user(rng.choice(['Use Python to {}.', 'With Python, {}.', 'Run code to {}.', 'Please {} using Python.', 'Write and run Python code to {}.', 'Use code to {}.',
                           'Write a program to {}.', 'Run a script to {}.', 'In Python, {}.', 'Let Python {}.', 'Please run some code to {}.', 'Can you {} with Python?']).format(task))
        result = d.calls(choose_tool(f'I should {task}.', tool), [tool.call(code=code)])[0]
        d.answer('The code printed the result.', f'The result is {result}.', [result])
        return d

    def extract(self):
        rng, d = self.rng, self.start('extract')
        if rng.random() < .15:
            self.distract(d, count=rng.randint(1, 2))
        person = w.person(rng)
        mail = rng.choice([person.split()[0].lower(), person.lower().replace(' ', '.'), w.word(rng)]) + '@' + \
            (rng.choice(w.COMPANIES).lower() if rng.random() < .5 else w.word(rng)) + rng.choice(['.com', '.org', '.io', '.net'])
        amount = rng.choice([w.number(rng), float(w.decimal(rng))])
        fields = [
            ('name', 'string', person, ['name', 'customer', 'person', 'client', 'full_name'], ['{} wrote to us', 'The customer is {}', 'Contact: {}', 'Name: {}', 'Best regards, {}', 'This is {}', 'I am {}']),
            ('email', 'string', mail, ['email', 'mail', 'email_address'], ['mail {}', 'Email: {}', 'write to {}', 'the address is {}', 'you can reach me at {}']),
            ('amount', 'number', amount, ['amount', 'total', 'price', 'sum'], ['The total is {} EUR', 'Amount: {} dollars', 'the price was {} USD', 'we owe {} euros', 'it cost {} EUR', 'I paid {} dollars']),
            ('date', 'string', w.date(rng), ['date', 'day', 'due_date'], ['Date: {}', 'due on {}', 'on {}', 'it happened on {}', 'the day was {}']),
            ('phone', 'string', w.phone(rng), ['phone', 'tel', 'phone_number'], ['Phone: {}', 'call {}', 'tel {}', 'my number is {}']),
            ('city', 'string', w.city(rng), ['city', 'town', 'location'], ['lives in {}', 'from the city of {}', 'City: {}', 'shipped to {}', 'sent from {}']),
            ('company', 'string', w.company(rng), ['company', 'firm', 'employer'], ['works at {}', 'Company: {}', 'the firm is {}', 'on behalf of {}']),
            ('quantity', 'integer', w.number(rng), ['quantity', 'count', 'pieces'], ['{} pieces', 'Quantity: {}', 'ordered {} units', 'we need {} of them']),
            ('order id', 'string', w.ident(rng), ['order_id', 'order', 'reference'], ['order {}', 'Order number: {}', 'reference {}', 'about order {}']),
            ('item', 'string', w.product(rng), ['item', 'product', 'article'], ['item: {}', 'bought the {}', 'product {}', 'it is about the {}']),
            ('age', 'integer', rng.randint(18, 90), ['age', 'years'], ['{} years old', 'Age: {}', 'aged {}'])]
        for _ in range(rng.choice([0, 1, 2, 2, 3, 4])):
            fields.append(self.plain_field({field[0] for field in fields}))
        wanted_count = rng.choice([1, 2, 2, 3, 3, 4, 4, 5])
        chosen = rng.sample(fields, wanted_count + rng.choice([0, 1, 2]))
        pieces = [rng.choice(field[4]).format(field[2]) for field in chosen]
        wanted = chosen[:wanted_count]
        rng.shuffle(pieces)
        rng.shuffle(wanted)
        text = rng.choice(['. ', '; ', ', ', '\n']).join(capital(p) for p in pieces) + '.'
        properties, values = {}, {}
        for role, type_, value, usual, _ in wanted:
            strange = rng.random() < .12
            name = w.invented_name(rng, self.unseen) if strange else rng.choice(usual)
            if name in properties:
                continue
            properties[name] = {'type': type_, 'description': role} if strange else {'type': type_}
            values[name] = value
        d.schema = {'type': 'object', 'properties': properties, 'required': list(properties)}
        d.user(rng.choice(['Extract the data as JSON.\nSchema: {s}\nText: {t}', 'Fill this JSON schema from the text.\n{s}\nText: {t}',
                           'Text: {t}\nReturn JSON for this schema: {s}', '{t}\n\nExtract JSON with schema {s}', 'Schema: {s}\n{t}',
                           'Read the text and answer as JSON.\nSchema: {s}\nText: {t}', 'Turn this into JSON: {t}\nSchema: {s}']).format(s=compact(d.schema), t=text))
        d.answer('I fill the schema from the text.', compact(values), json_value=values)
        return d

    def plain_field(self, taken):
        """A field of any name that the text simply states."""
        rng = self.rng
        while True:
            if rng.random() < .25:
                role, make = w.word(rng), rng.choice([whole(1, 999), w.word, w.ident, w.decimal])
            else:
                role, make = rng.choice([item for _, attributes in ENTITIES.values() for item in attributes.items()])
            if role not in taken:
                break
        value = make(rng)
        type_ = 'integer' if value.isdigit() and (value == '0' or value[0] != '0') else 'number' if re.fullmatch(r'\d+\.\d+', value) else 'string'
        value = int(value) if type_ == 'integer' else float(value) if type_ == 'number' else value
        usual = [role.replace(' ', '_'), ''.join(p.capitalize() if i else p for i, p in enumerate(role.split()))]
        return role, type_, value, usual, ['the ' + role + ' is {}', capital(role) + ': {}', 'with a ' + role + ' of {}', role + ' {}', 'its ' + role + ' is {}']

    def lookup_one(self, family='lookup'):
        rng, d = self.rng, self.start(family)
        tool = self.lookup(d)
        self.distract(d, near=tool.entity)
        key = rng.choice(list(tool.data))
        d.user(self.polite(self.ask(tool, key)))
        self.answer_lookup(d, tool, key)
        return d

    def answer_lookup(self, d, tool, key):
        value = value_of(d.calls(choose_tool(f'I need the {tool.attribute} of {key}.', tool), [tool.call(key=key)])[0], tool.attribute)
        d.answer(f'The tool returned {value}.', f'The {tool.attribute} of {key} is {value}.', [value])

    def action(self):
        rng, d = self.rng, self.start('action')
        action = self.invented_action() if rng.random() < .15 else rng.choice(ACTIONS)
        if any(t.action and t.action[0] == action[0] for t in d.tools):
            raise Retry
        tool = self.act(d, action)
        self.distract(d, avoid=[action[0]])
        values = action[4](rng)
        d.user(self.polite(rng.choice(action[5]).format(*values)))
        result = d.calls(choose_tool(f'I should {action[0]}.', tool), [tool.call(**{role: v for (role, _, _), v in zip(action[3], values)})])[0]
        value = value_of(result)
        text = capital(action[6].format(*values, res=value))
        shown = value if '{res}' in action[6] else str(values[0])[1:] or str(values[0]) if '{0}' in action[6] else 'saved'
        d.answer(f'The tool returned {value}.', text, [shown])
        return d

    def chain(self):
        rng, d = self.rng, self.start('chain')
        kind, n = rng.random(), w.number(rng, 40)
        if kind < .15:
            return self.chain_of_lookups(d)
        if kind < .8:
            tool, calculator = self.lookup(d, numeric=True), self.basic(d, 'calculator')
            self.distract(d, near=tool.entity)
            a = tool.attribute
            key, other = rng.sample(list(tool.data), 2)
            if kind < .6:
                op = rng.choice('**+-/')
                if op == '/':
                    n = rng.choice([2, 4, 5, 10])
                question = rng.choice({
                    '*': [f'What is {n} times the {a} of {key}?', f'Take the {a} of {key} and multiply it by {n}.', f'Multiply the {a} of {key} by {n}.'],
                    '/': [f'Divide the {a} of {key} by {n}.', f'What is the {a} of {key} divided by {n}?'],
                    '+': [f'Add {n} to the {a} of {key}.', f'What is the {a} of {key} plus {n}?'],
                    '-': [f'Subtract {n} from the {a} of {key}.', f'What is the {a} of {key} minus {n}?']}[op])
                if a == 'price' and rng.random() < .5:
                    op, question = '*', rng.choice([f'What do {n} pieces of {key} cost?', f'I want {n} of {key}. What is the total price?'])
                keys = [key]
            else:
                op = rng.choice('+-')
                question = rng.choice({'+': [f'What is the {a} of {key} and {other} together?', f'Add the {a} of {key} and {other}.'],
                                       '-': [f'What is the {a} of {key} minus that of {other}?', f'What is the difference in {a} between {key} and {other}?']}[op])
                keys = [key, other]
            d.user(self.polite(question))
            results = d.calls(choose_tool(f'First I need the {a} of {" and ".join(keys)}, then I calculate.', tool), [tool.call(key=k) for k in keys])
            expression = op.join([value_of(r, a) for r in results] + ([str(n)] if len(keys) == 1 else []))
        else:
            documents, facts = self.documents()
            facts = [f for f in facts if f[1] != 'spare part number']
            if not facts:
                raise Retry
            tool, calculator = self.basic(d, 'search', documents), self.basic(d, 'calculator')
            self.distract(d)
            thing, quantity, value = rng.choice(facts)
            d.user(rng.choice(['Look up the {q} of the {p} in the manual and multiply it by {n}.', 'What is {n} times the {q} of the {p} in the manual?']).format(q=quantity, p=thing, n=n))
            result = d.calls(choose_tool(f'First I need the {quantity} of the {thing} from the documents, then I calculate.', tool), [tool.call(query=f'{thing} {quantity}')])[0]
            if value not in result:
                raise Retry
            expression = value.split()[0] + f'*{n}'
        result = d.calls(choose_tool(f'Now I compute {expression}.', calculator), [calculator.call(expression=expression)])[0]
        d.answer(f'The tool returned {result}.', f'The answer is {result}.', [result])
        return d

    def chain_of_lookups(self, d):
        """The key of the second lookup is the result of the first."""
        rng = self.rng
        entity, link, target = rng.choice([('employee', 'manager', 'employee'), ('order', 'customer', 'employee'), ('book', 'author', 'employee'),
                                           ('train', 'destination', 'city'), ('country', 'capital', 'city'), ('student', 'teacher', 'employee')])
        first = self.lookup(d, attribute=link, entity=entity)
        key = rng.choice(list(first.data))
        attribute = rng.choice([a for a in ENTITIES[target][1] if a != link])
        middle = first.data[key]
        maker_key, maker = ENTITIES[target][0], ENTITIES[target][1][attribute]
        second = self.lookup(d, attribute=attribute, entity=target, data={middle: maker(rng), maker_key(rng): maker(rng)})
        self.distract(d, near=target)
        d.user(self.polite(rng.choice(['What is the {a} of the {l} of {k}?', 'Tell me the {a} of the {l} of {k}.', 'Find the {l} of {k} and then the {a}.']).format(a=attribute, l=link, k=key)))
        d.calls(choose_tool(f'First I need the {link} of {key}, then the {attribute}.', first), [first.call(key=key)])
        value = value_of(d.calls(choose_tool(f'Now I need the {attribute} of {middle}.', second), [second.call(key=middle)])[0], attribute)
        d.answer(f'The tool returned {value}.', f'The {attribute} of {middle} is {value}.', [value])
        return d

    def parallel(self):
        rng, d = self.rng, self.start('parallel')
        if rng.random() < .45:
            tool = self.lookup(d)
            self.distract(d, near=tool.entity)
            keys = rng.sample(list(tool.data), rng.choice([2, 2, 2, 3]))
            listed = ', '.join(keys[:-1]) + ' and ' + keys[-1]
            d.user(self.polite(rng.choice(['What is the {a} of {l}?', 'Tell me the {a} of {l}.', 'Compare the {a} of {l}.', 'I need the {a} of {l}.', 'Find the {a} of {l}.']).format(a=tool.attribute, l=listed)))
            values = [value_of(r, tool.attribute) for r in d.calls(choose_tool(f'I need the {tool.attribute} of {listed}.', tool), [tool.call(key=k) for k in keys])]
            told = [f'of {k} is {v}' for k, v in zip(keys, values)]
            d.answer('The tool returned ' + ', '.join(values) + '.', f'The {tool.attribute} ' + ', '.join(told[:-1]) + ' and ' + told[-1] + '.', values)
            return d
        parts = [self.part(d) for _ in range(2)]
        self.distract(d)
        (q1, n1, t1, c1, a1), (q2, n2, t2, c2, a2) = parts
        d.user(self.polite(q1[:-1] + rng.choice([', and ', ' and ']) + q2[0].lower() + q2[1:] if rng.random() < .6 else q1 + ' ' + q2))
        values = [value_of(r, t.attribute) for r, t in zip(d.calls(choose_tool(f'I need {n1} and {n2}.', t1, t2), [c1, c2]), (t1, t2))]
        d.answer('The tools returned ' + ', '.join(values) + '.', capital(f'{a1} is {values[0]} and {a2} is {values[1]}.'), values)
        return d

    def part(self, d):
        """One half of a double request: question, need, tool, call, subject of the answer."""
        rng = self.rng
        calculators = [t for t in d.tools if t.kind == 'calculator']
        if rng.random() < .4:
            tool = calculators[0] if calculators else self.basic(d, 'calculator')
            a, b = w.number(rng), w.number(rng)
            verb, op = rng.choice([('times', '*'), ('plus', '+'), ('minus', '-')])
            return f'What is {a} {verb} {b}?', f'{a}{op}{b}', tool, tool.call(expression=f'{a}{op}{b}'), f'{a}{op}{b}'
        tool = self.lookup(d)
        key = rng.choice(list(tool.data))
        subject = f'the {tool.attribute} of {key}'
        return f'What is {subject}?', subject, tool, tool.call(key=key), subject

    def no_tool(self):
        rng, d = self.rng, self.start('no_tool')
        kind = rng.random()
        if kind < .2:
            self.distract(d, avoid=['capital'])
            if any(t.attribute == 'capital' for t in d.tools):
                raise Retry
            question, answer = rng.choice(SMALL_TALK)
            d.user(question)
            d.answer('No tool is needed.', answer, [answer])
        elif kind < .7:
            wanted = self.lookup(Dialogue('', ''))
            if any(t.attribute == wanted.attribute or t.kind == 'search' for t in d.tools):
                raise Retry
            key = rng.choice(list(wanted.data))
            self.distract(d, avoid=[wanted.attribute, 'search'], near=wanted.entity, count=rng.choice([0, 1, 1, 2, 2, 3, 4, 5, 6]))
            d.user(self.polite(self.ask(wanted, key)))
            d.answer(f'I need the {wanted.attribute} of {key}.\nNo tool gives the {wanted.attribute}.',
                     f'I cannot find the {wanted.attribute}, because no suitable tool is available.', ['cannot find', wanted.attribute, 'no suitable tool'])
        elif kind < .85:
            if any(t.kind in ('calculator', 'python') for t in d.tools):
                raise Retry
            question, expression = self.sum_text()
            self.distract(d, avoid=['calculator', 'python'])
            d.user(self.polite(question))
            d.answer(f'This is arithmetic: {expression}.\nNo tool can compute it.', 'I cannot compute that, because no suitable tool is available.', ['cannot compute', 'no suitable tool'])
        else:
            action = rng.choice(ACTIONS)
            if any(t.action is action for t in d.tools):
                raise Retry
            self.distract(d, avoid=[action[0]])
            d.user(self.polite(rng.choice(action[5]).format(*action[4](rng))))
            d.answer(f'I should {action[0]}.\nNo tool does that.', f'I cannot {action[0]}, because no suitable tool is available.', ['cannot ' + action[0], 'no suitable tool'])
        return d

    def final_error(self):
        rng = self.rng
        if rng.random() < .5:
            return rng.choice(FINAL_ERRORS)
        return 'Error: ' + ' '.join(rng.choice([w.word(rng), rng.choice(w.NOUNS), rng.choice(w.NAME_WORDS)]) for _ in range(rng.randint(1, 3)))

    def failing_other(self, d):
        """An action, a search or code that fails for good."""
        rng, kind = self.rng, self.rng.random()
        if kind < .5:
            action = rng.choice(ACTIONS)
            tool, values = self.act(d, action), action[4](rng)
            question, need, told = rng.choice(action[5]).format(*values), f'I should {action[0]}.', f'I could not {action[0]}'
            call = tool.call(**{role: v for (role, _, _), v in zip(action[3], values)})
            avoid = [action[0]]
        elif kind < .75:
            documents, facts = self.documents()
            tool, (thing, quantity, _), avoid = self.basic(d, 'search', documents), rng.choice(facts), []
            question, need = f'What does the manual say about the {quantity} of the {thing}?', f'I need the {quantity} of the {thing} from the documents.'
            call, told = tool.call(query=f'{thing} {quantity}'), f'I could not get the {quantity} of the {thing}'
        else:
            tool, n, avoid = self.basic(d, 'python'), rng.randint(3, 300), []
            task = f'sum the numbers from 1 to {n}'
            question, need, told = f'Use Python to {task}.', f'I should {task}.', f'I could not {task}'
            call = tool.call(code=f'print(sum(range(1,{n}+1)))')
        tool.fail_first = self.final_error()
        self.distract(d, avoid=avoid)
        d.user(self.polite(question))
        result = d.calls(choose_tool(need, tool), [call])[0]
        d.answer(f'The tool failed: {result[7:]}.', f'{told}: {result[7:]}.', ['could not', result[7:]])
        return d

    def error(self):
        rng, d = self.rng, self.start('error')
        kind = rng.random()
        if kind < .2:
            tool = self.basic(d, 'calculator')
            self.distract(d)
            a, b = w.number(rng), w.number(rng)
            expression, question = rng.choice([(f'{a}/0', f'Divide {a} by 0.'), (f'{a}/({b}-{b})', f'Compute {a}/({b}-{b}).'), (f'{a}/0', f'What is {a} divided by 0?')])
            d.user(self.polite(question))
            result = d.calls(choose_tool(f'This is arithmetic: {expression}.', tool), [tool.call(expression=expression)])[0]
            d.answer(f'The tool failed: {result[7:]}.', f'I could not compute that: {result[7:]}.', ['could not', result[7:]])
            return d
        if kind < .3:
            return self.failing_other(d)
        if kind < .8:
            tool = self.lookup(d)
            self.distract(d, near=tool.entity)
            key, need = rng.choice(list(tool.data)), None
            if kind < .48 and tool.entity in ENTITIES:
                key = ENTITIES[tool.entity][0](rng)
                tool.data.pop(key, None)
            elif kind < .62:
                tool.fail_first = self.final_error()
            elif kind < .8:
                tool.fail_first = rng.choice(TRY_AGAIN)
            d.user(self.polite(self.ask(tool, key)))
            need, call = f'I need the {tool.attribute} of {key}.', tool.call(key=key)
            told, failed = f'The {tool.attribute} of {key} is ', f'I could not get the {tool.attribute} of {key}: '
        else:
            question, expression = self.sum_text()
            tool = self.basic(d, 'calculator')
            tool.fail_first = rng.choice(TRY_AGAIN)
            self.distract(d)
            d.user(self.polite(question))
            need, call = f'This is arithmetic: {expression}.', tool.call(expression=expression)
            told, failed = 'The answer is ', 'I could not compute that: '
        result = d.calls(choose_tool(need, tool), [call])[0]
        if result.endswith('try again'):
            result = d.calls(f'The tool failed, but I can try again.\n{tool.name}', [call])[0]
        if result.startswith('Error: '):
            d.answer(f'The tool failed: {result[7:]}.', f'{failed}{result[7:]}.', ['could not', result[7:]])
        else:
            value = value_of(result, tool.attribute)
            d.answer(f'The tool returned {value}.', f'{told}{value}.', [value])
        return d

    def follow_up(self):
        rng, kind = self.rng, self.rng.random()
        if kind < .3:
            return self.several()
        if kind < .55:
            d = self.arithmetic('follow_up')
            tool = d.tool(d.items[1][3][0][0])
            last = d.items[2][1][0]
            if 'exactly' in last or last.startswith('Error'):
                raise Retry
            tool.surprise = None
            n = w.number(rng, 50)
            question, op = rng.choice([(f'Now add {n}.', '+'), (f'And times {n}?', '*'), (f'Multiply that by {n}.', '*'), (f'Now subtract {n} from it.', '-'),
                                       (f'Add {n} to that.', '+'), (f'And minus {n}?', '-'), (f'Double it, I mean times {2}.', '*2')])
            expression = f'{last}{op}' + ('' if op == '*2' else str(n))
            d.user(question)
            call = tool.call(expression=expression) if tool.kind == 'calculator' else tool.call(code=f'print({expression})')
            result = d.calls(choose_tool(f'The last answer was {last}.\nThis is arithmetic: {expression}.', tool), [call])[0]
            d.answer(f'The tool returned {result}.', f'The answer is {result}.', [result])
        elif kind < .85:
            d = self.lookup_one('follow_up')
            tool = d.tool(d.items[1][3][0][0])
            used = list(d.items[1][3][0][1].values())[0]
            key = rng.choice([k for k in tool.data if k != used])
            d.user(rng.choice(['And of {k}?', 'And for {k}?', 'What about {k}?', 'Now the same for {k}.', 'And {k}?']).format(k=key))
            self.answer_lookup(d, tool, key)
        else:
            d = self.arithmetic('follow_up') if rng.random() < .5 else self.lookup_one('follow_up')
            question, answer = rng.choice([('Thank you!', 'You are welcome!'), ('Please repeat the answer.', d.items[-1][2]), ('Say that again.', d.items[-1][2])])
            d.user(question)
            d.answer('No tool is needed.', answer, [answer])
        return d

    def several(self):
        """Two or three unrelated requests over one tool list."""
        rng = self.rng
        self.shared = d = self.start('follow_up')
        parts = rng.choices(['arithmetic', 'lookup_one', 'search', 'action', 'python', 'parallel', 'chain'], [3, 4, 2, 2, 2, 2, 2], k=rng.choice([2, 2, 3]))
        if rng.random() < .25:
            parts[-1] = 'no_tool'
        for part in parts:
            getattr(self, part)()
            self.distractors_max = 0
        if len(d.tools) > 6:
            raise Retry
        return d


METHODS = {'arithmetic': 'arithmetic', 'search': 'search', 'python': 'python', 'extract': 'extract', 'lookup': 'lookup_one', 'action': 'action',
           'chain': 'chain', 'parallel': 'parallel', 'no_tool': 'no_tool', 'error': 'error', 'follow_up': 'follow_up', 'several': 'several'}


def make(seed, unseen=False, families=None, test=False, distractors_max=6, mix=MIX):
    """One dialogue, and the random source for how to render it."""
    for attempt in range(10_000):
        rng = random.Random(f'{seed}/{attempt}/{int(unseen)}')
        names = families or list(MIX)
        generator = Generator(rng, unseen, distractors_max)
        generator.test = test
        family = rng.choices(names, [mix.get(f, 1) for f in names])[0]
        try:
            dialogue = getattr(generator, METHODS[family])()
        except Retry:
            continue
        texts = [t for t in dialogue.user_texts() if t not in dict(SMALL_TALK)] or [f'{seed}/{attempt}']
        if any(zlib.crc32(t.encode()) % TEST_ONE_IN == 0 for t in texts) == test:
            return dialogue, rng
    raise RuntimeError('no dialogue for this split')


SEVERAL_SHARE = .2


def training_segments(seed, families=None, distractors_max=6):
    """[(text, trained)]. A fifth of the dialogues put several requests to one tool list and train on
    all of them, thinking kept, which spends fewer tokens on tool lists than one request each."""
    several = not families and random.Random(f'{seed}/several').random() < SEVERAL_SHARE
    dialogue, rng = make(seed, families=['several'] if several else families, distractors_max=distractors_max,
                         mix=TRAINING_MIX)
    return render(dialogue.items, dialogue.prompt(), strip_steps=rng.random() < .15, keep_turns=several)


def evaluation_record(number, dialogue):
    tools = []
    gold = [call for turn in dialogue.turns() for step in turn['calls'] for call in step]
    for tool in dialogue.tools:
        real = tool.shipped and not tool.fail_first
        entry = {'kind': tool.kind if real else 'table', 'spec': tool.spec}
        if not real:
            rows = [call['arguments'] for call in gold if call['name'] == tool.name]
            if tool.kind == 'lookup':
                rows += [tool.call(key=key)[1] for key in tool.data]
            unique = {compact(row): row for row in rows}.values()
            entry['table'] = [{'arguments': row, 'result': tool.run(row, {tool.name})} for row in unique]
        elif tool.kind == 'search':
            entry['documents'] = tool.documents
        if tool.fail_first:
            entry['fail_first'] = tool.fail_first
        tools.append(entry)
    return {'id': number, 'family': dialogue.family, 'system': dialogue.system, 'tools': tools,
            'schema': dialogue.schema, 'turns': dialogue.turns()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('what', choices=['show', 'eval', 'corpus'])
    parser.add_argument('--n', type=int, default=3)
    parser.add_argument('--seed', default='test')
    parser.add_argument('--unseen', action='store_true')
    parser.add_argument('--families', default='')
    args = parser.parse_args()
    families = args.families.split(',') if args.families else None
    for i in range(args.n):
        dialogue, _ = make(f'{args.seed}-{i}', args.unseen, families, test=args.what == 'eval')
        if args.what == 'eval':
            print(compact(evaluation_record(i, dialogue)))
        else:
            text = ''.join(t for t, _ in render(dialogue.items, dialogue.prompt()))
            print(compact(text) if args.what == 'corpus' else f'--- {dialogue.family}\n{text}')


if __name__ == '__main__':
    try:
        main()
    except BrokenPipeError:
        sys.exit(0)
