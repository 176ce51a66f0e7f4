// The process that `check` forks to find out whether a handler can be used: loads it as a worker would, and answers.
import { sentenceFor } from '../errors/sentence.ts';
import { onParentGone } from '../lifecycle/forked.ts';
import { loadHandler } from './load.ts';

const [path = ''] = process.argv.slice(2);
let isLoading = true;

/** `''`: it can be used. */
function answer(sentence: string): void {
  isLoading = false;
  process.send?.(sentence, undefined, {}, () => process.exit(0));
}

onParentGone(() => process.exit(1));
process.once('exit', (code) => {
  if (isLoading) process.send?.(`The handler ${path} ends its process (${code}) while it is loaded.`);
});
process.on('uncaughtException', (error) => {
  if (isLoading) answer(sentenceFor(error, path));
});
loadHandler(path).then(
  () => answer(''),
  (error: unknown) => answer(sentenceFor(error, path)),
);
