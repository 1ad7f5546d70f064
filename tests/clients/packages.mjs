// Lets the tests import packages by name although they are installed elsewhere: in PRAXIS_CLIENTS.
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';

const here = new URL('.', import.meta.url).href;
const installed = pathToFileURL(`${process.env.PRAXIS_CLIENTS}/package.json`).href;

if (isMainThread) register(import.meta.url);  // the hooks below run in a thread of their own

export function resolve(specifier, context, next) {
  const isPackage = /^[@a-z]/.test(specifier) && !/^(node|file|data):/.test(specifier);
  const isOurs = context.parentURL?.startsWith(here);
  return next(specifier, isPackage && isOurs ? { ...context, parentURL: installed } : context);
}
