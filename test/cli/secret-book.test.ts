import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { MASK, Secret } from '../../src/base/secret.js';
import { SecretBook } from '../../src/cli/secret-book.js';

const HASH = 'a'.repeat(64);

function bookOf(...texts: string[]): SecretBook {
  const book = new SecretBook();
  for (const text of texts) book.add(new Secret(text));
  return book;
}

describe('text that is kept or shown', () => {
  test.each([
    [
      'plain',
      'correct horse',
      'the passphrase is correct horse, twice: correct horse',
      `the passphrase is ${MASK}, twice: ${MASK}`,
    ],
    [
      'the password part of a full token',
      `K10${HASH}::server:battery-staple`,
      'token battery-staple is wrong',
      `token ${MASK} is wrong`,
    ],
    [
      'a full token before its part',
      `K10${HASH}::server:battery-staple`,
      `--token K10${HASH}::server:battery-staple`,
      `--token ${MASK}`,
    ],
    ['with the newline its file ends with', 'hunter2-x\n', 'it said hunter2-x.', `it said ${MASK}.`],
    ['in base64', 'hunter2-x', `data: ${Buffer.from('hunter2-x').toString('base64')}`, `data: ${MASK}`],
    ['with characters a pattern would take for its own', 'a.*b$&(c', 'x a.*b$&(c y', `x ${MASK} y`],
  ])('%s', (_what, secret, text, clean) => expect(bookOf(secret).redact(text)).toBe(clean));

  test('a longer secret is masked before one it holds', () => {
    expect(bookOf('abcde', 'abcdefgh').redact('abcdefgh')).toBe(MASK);
  });

  test('words that are no secret stay', () => {
    expect(bookOf('abc', '').redact('abc is too short to hide')).toBe('abc is too short to hide');
  });

  test('a secret shows itself nowhere by accident', () => {
    const secret = new Secret('hunter2');
    for (const shown of [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ a: [secret] }),
    ]) {
      expect(shown).not.toContain('hunter2');
      expect(shown).toContain(MASK);
    }
    expect(secret.reveal()).toBe('hunter2');
  });
});
