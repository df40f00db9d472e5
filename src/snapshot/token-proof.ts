import type { Secret } from '../base/secret.js';
import { type BootstrapEntry, openBootstrap } from './bootstrap.js';
import type { Draft } from './draft.js';
import type { Findings } from './findings.js';
import type { TokenTry } from './proof.js';

/** A token to try, under the name of where it was found. */
export interface NamedToken {
  readonly name: string;
  readonly token: Secret;
}

/** Tries the tokens on the bootstrap data and writes what that shows into the draft and the findings (facts 8.5). */
export async function proveTokens(
  entries: readonly BootstrapEntry[],
  tokens: readonly NamedToken[],
  draft: Draft,
  findings: Findings,
): Promise<void> {
  const expectedHash = entries[0]?.hash ?? null;
  if (entries.length === 0) {
    findings.damage(
      'no-bootstrap',
      'The snapshot has no bootstrap data: it is from an etcd that is not K3s’ own, or K3s never finished its first start.',
    );
  } else if (entries.length > 1) {
    findings.add({
      id: 'several-bootstrap',
      severity: 'warning',
      message: `The snapshot holds bootstrap data for ${entries.length} tokens (${entries.map((one) => one.hash).join(', ')}): a token rotation was under way.`,
      remedy: 'Have both the old and the new token at hand for the restore.',
    });
  }
  const tried: TokenTry[] = [];
  let candidate: string | null = null;
  let damage: string | undefined;
  for (const { name, token } of tokens) {
    if (entries.length === 0) break;
    const opening = await openBootstrap(entries, token);
    if (!opening.opens) {
      if (opening.damaged) damage = opening.reason;
      tried.push({ name, hash: opening.hash ?? null, opens: false, reason: opening.reason });
      continue;
    }
    tried.push({ name, hash: expectedHash, opens: true, reason: '' });
    if (candidate !== null) continue;
    candidate = name;
    const { bootstrap, tokenCaHash } = opening;
    draft.caHash = bootstrap.caHash ?? draft.caHash;
    if (bootstrap.caHash !== undefined) draft.caHashFrom = 'bootstrap';
    draft.caExpiry = bootstrap.caExpiry === undefined ? null : new Date(bootstrap.caExpiry).toISOString();
    draft.secretsEncryption = bootstrap.secretsEncryption;
    warnings(bootstrap, tokenCaHash, name, findings);
  }
  draft.token = {
    checked: tokens.length > 0 && entries.length > 0,
    opens: candidate !== null,
    expectedHash,
    candidate,
    tried,
  };
  if (entries.length > 0 && candidate === null) conclude(tried, damage, expectedHash, findings);
}

function conclude(
  tried: readonly TokenTry[],
  damage: string | undefined,
  expectedHash: string | null,
  findings: Findings,
): void {
  if (tried.length === 0) {
    findings.add({
      id: 'token-not-checked',
      severity: 'warning',
      message: 'No server token was given, so it is not known whether yours opens this snapshot.',
      remedy: `Give the token (a source in the inventory, or --token-file). The right one has the hash ${expectedHash ?? 'unknown'}.`,
    });
  } else if (damage !== undefined) {
    findings.damage(
      'bootstrap-damaged',
      `The token fits this snapshot, but its bootstrap data does not open: ${damage}.`,
    );
  } else {
    findings.add({
      id: 'token-wrong',
      severity: 'fatal',
      message:
        tried.length === 1
          ? `The token from ${tried[0]?.name} does not open this snapshot: ${tried[0]?.reason}.`
          : `None of the ${tried.length} tokens opens this snapshot: ${tried.map((one) => `${one.name}: ${one.reason}`).join('; ')}.`,
      remedy: `Find the token with the hash ${expectedHash ?? 'unknown'}: blackstart tokens looks on every host and in safety copies; then your password store. K3s would fail only after moving the live database away.`,
    });
  }
}

function warnings(
  bootstrap: { caHash: string | undefined; caExpiry: number | undefined; secretsEncryption: boolean },
  tokenCaHash: string | undefined,
  name: string,
  findings: Findings,
): void {
  if (tokenCaHash !== undefined && bootstrap.caHash !== undefined && tokenCaHash !== bootstrap.caHash) {
    findings.add({
      id: 'token-ca-differs',
      severity: 'warning',
      message: `Token ${name} opens the snapshot, but its CA hash is ${tokenCaHash.slice(0, 12)}, the snapshot's is ${bootstrap.caHash.slice(0, 12)}.`,
      remedy:
        'The CA was changed in between. Give the restored servers the token without its K10…:: prefix, or with the new hash.',
    });
  }
  if (bootstrap.caExpiry !== undefined && bootstrap.caExpiry < Date.now()) {
    findings.add({
      id: 'ca-expired',
      severity: 'warning',
      message: `The server CA in the snapshot expired on ${new Date(bootstrap.caExpiry).toISOString().slice(0, 10)}.`,
      remedy: 'After the restore, rotate the CA (k3s certificate rotate-ca --force) before agents can join.',
    });
  }
  if (bootstrap.secretsEncryption) {
    findings.add({
      id: 'secrets-encryption',
      severity: 'info',
      message: 'Secrets in this snapshot are encrypted.',
      remedy: 'The reset needs --secrets-encryption, as the server’s own arguments have it.',
    });
  }
}
