import { MASK, type Secret } from '../base/secret.js';

/** Every secret this process has read, so that none can slip into something kept or shown. */
export class SecretBook {
  #texts: string[] = [];

  /** Remembers a secret and gives it back. */
  add(secret: Secret): Secret {
    for (const form of formsOf(secret.reveal())) {
      if (!this.#texts.includes(form)) this.#texts.push(form);
    }
    // The longest first, so that a full token is masked before its password part.
    this.#texts.sort((a, b) => b.length - a.length);
    return secret;
  }

  /** The text with every known secret masked, plain or in base64. */
  readonly redact = (text: string): string => {
    let clean = text;
    for (const secret of this.#texts) {
      if (clean.includes(secret)) clean = clean.replaceAll(secret, MASK);
    }
    return clean;
  };
}

/** A very short secret is not masked: it would blacken ordinary words and hide nothing. */
const SHORTEST = 5;

function formsOf(text: string): string[] {
  const parts = [text, text.trim(), /^K10[0-9a-f]*::[^:]*:(.*)$/s.exec(text.trim())?.[1] ?? ''];
  const plain = parts.filter((part) => part.length >= SHORTEST);
  return [...plain, ...plain.map((part) => Buffer.from(part).toString('base64').replace(/=+$/, ''))];
}
