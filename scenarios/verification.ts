import type { Answer } from '../src/incident/command.js';
import type { VerificationRow } from '../src/incident/verification.js';
import { objects, schedule } from './verification/backup.js';
import { type Check, type CheckContext, unanswered } from './verification/check.js';
import { certificates, containers, goneNodes, leftovers, nodes } from './verification/hosts.js';
import { dns, ingresses, services, systemPods, testPod, volumes } from './verification/workloads.js';

export type { Check, CheckContext } from './verification/check.js';

/**
 * The runbook's step 7, post-restore verification, as a set that can be run again at any time: it only looks. Each check asks its questions
 * on one server whose API answers (or on hosts it names) and says pass or fail, what was seen and what to do. Services, ingress, DNS and
 * volumes are judged by what Kubernetes says of them; no recording of a real K3s covers CNI, CSI drivers or load balancers.
 */
export const verification: readonly Check[] = [
  nodes,
  goneNodes,
  systemPods,
  testPod,
  volumes,
  services,
  ingresses,
  dns,
  certificates,
  objects,
  schedule,
  containers,
  leftovers,
];

/** Checks that say themselves what an answer that failed means. */
const OWN_SILENCE = new Set(['certificates', 'objects', 'containers']);

/** One row from what was answered. */
export function rowOf(check: Check, answers: readonly Answer[], seen: CheckContext): VerificationRow {
  const { id, title } = check;
  const quiet = OWN_SILENCE.has(id) ? undefined : unanswered(answers);
  return { id, title, ...(quiet ?? check.judge(answers, seen)) };
}
