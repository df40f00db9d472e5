import { inspect } from 'node:util';

/** What a secret looks like wherever it is printed by accident. */
export const MASK = '•••';

/**
 * A value that must never be shown: passphrase, token, key, sudo password.
 * Prints, inspects and serialises as {@link MASK}; the text is only had by asking for it with `reveal()`,
 * so that every place that touches a secret can be found by searching for that word.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The secret itself. Never put it into an argument list, a log, an event or a component. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
