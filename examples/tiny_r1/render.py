"""The prompt format: dialogue -> text segments, each with a flag "the model is trained to write this"."""
import json

BOS, EOS, PAD = '<｜begin▁of▁sentence｜>', '<｜end▁of▁sentence｜>', '<｜▁pad▁｜>'
USER, ASSISTANT, THINK, THINK_END = '<｜User｜>', '<｜Assistant｜>', '<think>', '</think>'
CALLS, CALL, SEP = '<｜tool▁calls▁begin｜>', '<｜tool▁call▁begin｜>', '<｜tool▁sep｜>'
CALL_END, CALLS_END = '<｜tool▁call▁end｜>', '<｜tool▁calls▁end｜>'
OUTPUTS, OUTPUT = '<｜tool▁outputs▁begin｜>', '<｜tool▁output▁begin｜>'
OUTPUT_END, OUTPUTS_END = '<｜tool▁output▁end｜>', '<｜tool▁outputs▁end｜>'
CONTROL = [BOS, EOS, PAD, USER, ASSISTANT, THINK, THINK_END, CALLS, CALL, SEP, CALL_END, CALLS_END,
           OUTPUTS, OUTPUT, OUTPUT_END, OUTPUTS_END]

ASSET = ('## Tools\n\nCall tools after thinking, one call per line between the outer markers:\n'
         + CALLS + CALL + 'function' + SEP + 'NAME\n```json\nARGUMENTS\n```' + CALL_END + CALLS_END + '\n\n')


def compact(value):
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False)


def system_text(system, specs):
    """specs: [{description, name, parameters}], written in that key order."""
    if not specs:
        return system
    return (system + '\n\n' if system else '') + ASSET + '\n'.join(
        '```json\n' + compact(spec) + '\n```' for spec in specs)


def calls_text(calls):
    """calls: [(name, arguments)]"""
    return CALLS + '\n'.join(f'{CALL}function{SEP}{name}\n```json\n{compact(args)}\n```{CALL_END}'
                             for name, args in calls) + CALLS_END


def outputs_text(results):
    return OUTPUTS + '\n'.join(OUTPUT + r + OUTPUT_END for r in results) + OUTPUTS_END


def render(items, system, strip_steps=False, keep_turns=False):
    """-> [(text, trained)].

    items: ('user', text) | ('assistant', thinking, answer or None, calls or None) | ('tool', results).
    Thinking of turns before the last user message is gone; strip_steps also removes the thinking
    of the current turn's finished steps. keep_turns keeps all thinking and trains on every turn.
    """
    last_user = max(i for i, item in enumerate(items) if item[0] == 'user')
    last_reply = max([i for i, item in enumerate(items) if item[0] == 'assistant'], default=-1)
    segments = [(BOS + system, False)]
    for i, item in enumerate(items):
        if item[0] == 'user':
            segments.append((USER + item[1] + ASSISTANT, False))
        elif item[0] == 'tool':
            segments.append((outputs_text(item[1]), False))
        else:
            _, thinking, answer, calls = item
            body = (calls_text(calls) if calls else answer) + EOS
            if not keep_turns and (i < last_user or (strip_steps and i != last_reply)):
                segments.append((body, False))
            else:
                segments.append((f'{THINK}\n{thinking}\n{THINK_END}\n\n{body}', True))
    return segments
