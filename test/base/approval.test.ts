import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { approvalCode, challengeFor, isApproval, readChallenge } from '../../src/base/approval.js';
import { Secret } from '../../src/base/secret.js';

const key = new Secret('correct horse battery staple');
const binds = ['run-1', 'reset', ['node-1'], ['ok stopped (node-1)'], 7];

describe('a challenge', () => {
  const challenge = challengeFor('reset', 'node-1', binds);

  test('names gate and target, and is short enough to be said', () => {
    expect(challenge).toMatch(/^reset\.node-1\.[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$/);
    expect(readChallenge(` ${challenge} `)).toEqual({ gate: 'reset', target: 'node-1', whole: challenge });
  });

  test.each([
    ['another run', ['run-2', 'reset', ['node-1'], ['ok stopped (node-1)'], 7]],
    ['another host', ['run-1', 'reset', ['node-2'], ['ok stopped (node-1)'], 7]],
    ['another fact', ['run-1', 'reset', ['node-1'], ['NOT OK stopped (node-1)'], 7]],
    ['something failed since', ['run-1', 'reset', ['node-1'], ['ok stopped (node-1)'], 9]],
  ])('%s is another challenge, and needs another code', (_what, other) => {
    const second = challengeFor('reset', 'node-1', other);
    expect(second).not.toBe(challenge);
    expect(isApproval(key, second, approvalCode(key, challenge))).toBe(false);
  });

  test.each(['', 'reset', 'reset.node-1', 'reset.node-1.123', 'reset node-1 7F3K2-Q2MN4', '.node-1.7F3K2-Q2MN4'])(
    '%j is none',
    (text) => expect(readChallenge(text)).toBeUndefined(),
  );

  test('a target with dots is read whole', () => {
    const dotted = challengeFor('release', 'prod.eu.example', binds);
    expect(readChallenge(dotted)?.target).toBe('prod.eu.example');
  });
});

describe('a code', () => {
  test('counts however it is written down, and only with the key it was made with', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), (target, text) => {
        const challenge = challengeFor('reset', target, [text]);
        const code = approvalCode(key, challenge);
        const sloppy = code.toLowerCase().replace('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l');
        expect(isApproval(key, challenge, sloppy)).toBe(true);
        expect(isApproval(new Secret(`${key.reveal()}!`), challenge, code)).toBe(false);
        expect(isApproval(key, challenge, `${code}0`)).toBe(false);
      }),
    );
  });

  test('what is read from a challenge typed by hand gives the same code', () => {
    const challenge = challengeFor('reset', 'node-1', binds);
    const typed = challenge.replace(/[^.]+$/, (digest) => digest.toLowerCase().replace('-', ''));
    expect(approvalCode(key, readChallenge(typed)?.whole ?? '')).toBe(approvalCode(key, challenge));
  });
});
