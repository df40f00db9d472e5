import type { ReadStream, WriteStream } from 'node:tty';
import { Secret } from '../base/secret.js';
import type { AskSecret } from '../inventory/secrets.js';

/**
 * Asks for secrets on a plain terminal, for commands that print: the question goes to standard error, what is typed is not shown. An empty answer,
 * Ctrl-C and Ctrl-D decline. `undefined` where there is no terminal to ask on.
 */
export function terminalAsk(input: ReadStream, output: WriteStream): AskSecret | undefined {
  if (!input.isTTY || !output.isTTY) return undefined;
  let last: Promise<unknown> = Promise.resolve();
  // One at a time: two questions at once would mix up what is typed.
  return (question, signal) => {
    const answer = last.then(() => askOne(input, output, question, signal));
    last = answer.catch(() => undefined);
    return answer;
  };
}

function askOne(
  input: ReadStream,
  output: WriteStream,
  question: Parameters<AskSecret>[0],
  signal: AbortSignal | undefined,
): Promise<Secret | undefined> {
  signal?.throwIfAborted();
  const { host, text, echo } = question;
  return new Promise((resolve, reject) => {
    let typed = '';
    output.write(`\r\u001b[K${host === undefined ? '' : `${host}: `}${text}: `);
    const end = (finish: () => void): void => {
      input.off('data', onData);
      signal?.removeEventListener('abort', onAbort);
      input.setRawMode(false);
      input.pause();
      output.write('\n');
      finish();
    };
    const onAbort = (): void => end(() => reject(signal?.reason));
    const onData = (data: Buffer): void => {
      for (const key of data.toString('utf8')) {
        if (key === '\r' || key === '\n') return end(() => resolve(typed === '' ? undefined : new Secret(typed)));
        if (key === '\u0003' || key === '\u0004') return end(() => resolve(undefined));
        if (key === '\u007f' || key === '\b') typed = [...typed].slice(0, -1).join('');
        else if (key === '\u0015') typed = '';
        else if (key >= ' ') {
          typed += key;
          if (echo === true) output.write(key);
        }
      }
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    input.setRawMode(true);
    input.resume();
    input.on('data', onData);
  });
}
