import { test } from 'vitest';
import { RECEIPT_WRAPPER } from '../../src/k3s/reset.js';
import * as scripts from '../../src/k3s/scripts.js';
import { LOCK_SCRIPT } from '../../src/papers/script.js';
import { expectShell } from '../support/shell.js';

/** Scripts that are placed on a node as they stand. */
const PLACED: Readonly<Record<string, string>> = {
  LOCK_SCRIPT,
  RECEIPT_WRAPPER,
  ...Object.fromEntries(
    Object.entries<unknown>(scripts).flatMap(([name, text]) =>
      typeof text === 'string' && text.startsWith('#!/bin/sh') ? [[name, text]] : [],
    ),
  ),
};

test.each(Object.entries(PLACED))('%s is a script that any sh reads', (_name, text) => expectShell(text));
