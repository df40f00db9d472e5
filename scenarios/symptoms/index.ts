import type { Symptom } from '../../src/lookup/types.js';
import { datastoreSymptoms } from './datastore.js';
import { joinSymptoms } from './join.js';
import { loadSymptoms } from './load.js';
import { memberSymptoms } from './members.js';
import { nodeSymptoms } from './node.js';
import { quorumSymptoms } from './quorum.js';
import { resetSymptoms } from './reset.js';
import { runbookSymptoms } from './runbook.js';
import { tokenSymptoms } from './token.js';

/** What K3s and etcd say when something is wrong, in the order of the fact file, then the paper runbook's own five issues. */
export const symptoms: readonly Symptom[] = [
  ...quorumSymptoms,
  ...memberSymptoms,
  ...joinSymptoms,
  ...tokenSymptoms,
  ...nodeSymptoms,
  ...datastoreSymptoms,
  ...resetSymptoms,
  ...loadSymptoms,
  ...runbookSymptoms,
];
