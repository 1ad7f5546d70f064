"""Checkpoint -> Hugging Face folder, and the parity record for other engines.

    python3 export.py CHECKPOINT model        config.json, model.safetensors (bfloat16), tokenizer files
    python3 export.py --parity model > parity.json
"""
import json
import os
import shutil
import sys

import dialogues
from model import Decoder, load_folder, save_folder
from render import BOS, EOS, PAD, render
from tokenizer import Tokenizer
from train import HERE, load

PARITY_FAMILIES = ['arithmetic', 'search', 'parallel', 'follow_up']
PARITY_TOKENS = 40


def export(checkpoint, folder):
    config, weights, biases = load(checkpoint)
    config['tie_word_embeddings'] = False
    save_folder(folder, config, weights, biases)
    tokenizer = os.path.join(HERE, 'model', 'tokenizer.json')
    if os.path.abspath(folder) != os.path.dirname(tokenizer):
        shutil.copy(tokenizer, folder)
    with open(os.path.join(folder, 'tokenizer_config.json'), 'w') as file:
        json.dump({'bos_token': BOS, 'eos_token': EOS, 'pad_token': PAD,
                   'model_max_length': config['max_position_embeddings'],
                   'tokenizer_class': 'PreTrainedTokenizerFast'}, file, ensure_ascii=False, indent=2)
    with open(os.path.join(folder, 'generation_config.json'), 'w') as file:
        json.dump({'do_sample': False}, file)  # so small a model is best where it is surest
        file.write('\n')


def parity(folder):
    """A few prompts with their ids, the logits after the last token, and greedy continuations."""
    decoder, tokenizer, records = Decoder(*load_folder(folder)), Tokenizer(os.path.join(folder, 'tokenizer.json')), []
    for family in PARITY_FAMILIES:
        dialogue, _ = dialogues.make('parity', families=[family], test=True)
        last = max(i for i, item in enumerate(dialogue.items) if item[0] == 'user')
        text = ''.join(t for t, _ in render(dialogue.items[:last + 1], dialogue.prompt()))
        ids = tokenizer.encode(text)
        logits = decoder.prompt_logits(ids)[-1]
        greedy = decoder.generate([ids], PARITY_TOKENS)[0]
        records.append({'text': text, 'ids': ids, 'last_logits': [round(x, 4) for x in logits.tolist()],
                        'greedy_ids': greedy, 'greedy_text': tokenizer.decode(greedy)})
    return records


if __name__ == '__main__':
    if sys.argv[1] == '--parity':
        json.dump(parity(sys.argv[2]), sys.stdout, ensure_ascii=False, separators=(',', ':'))
    else:
        export(sys.argv[1], sys.argv[2])
