/** What a restore throws away, as it was compared with what the servers still had. */

/** Objects that differ in one way: how many, of which kinds, and the names there is room for. */
export interface Difference {
  readonly count: number;
  readonly byKind: readonly (readonly [kind: string, count: number])[];
  /** `deployments.apps shop/web`, at most a screenful. */
  readonly names: readonly string[];
}

/** What the backup lacks of the newest data that could be read on a server. */
export interface Loss {
  /** Whose data the backup was compared with; `null` where none could be read. */
  readonly host: string | null;
  readonly revision: number | null;
  /** In that data and not in the backup. */
  readonly gone: Difference;
  /** In both, with other content. */
  readonly older: Difference;
  /** In the backup only: deleted since. */
  readonly back: Difference;
  /** Events and Leases that differ. */
  readonly folded: number;
  /** Writes that only the server's write-ahead log holds. */
  readonly inLog: number;
  /** The UID of kube-system is the same in both; `null` where one does not tell. */
  readonly sameCluster: boolean | null;
  /** Servers whose data could not be compared with, each with the reason. */
  readonly remarks: readonly string[];
}

/** The loss in one sentence; undefined where nothing could be compared. */
export function lossText(loss: Loss | undefined): string | undefined {
  if (loss === undefined || loss.host === null) return undefined;
  const { gone, older, back, host, revision, inLog } = loss;
  const log = inLog === 0 ? '' : `, which has ${inLog} more writes in its log alone`;
  return `${gone.count} objects made since are gone, ${older.count} go back to older content, ${back.count} deleted since come back (compared with the data of ${host}, revision ${(revision ?? 0).toLocaleString('en')}${log})`;
}

/** The same by name: counts by kind, names as far as they were kept, and what could not be compared. */
export function lossLines(loss: Loss | undefined): string[] {
  if (loss === undefined) return [];
  const part = (title: string, { count, byKind, names }: Difference): string[] => {
    if (count === 0) return [];
    const kinds = byKind.map(([kind, of]) => `${of} ${kind}`).join(', ');
    const more = count - names.length;
    return [`${title}: ${kinds}`, ...names.map((name) => `· ${name}`), ...(more > 0 ? [`· and ${more} more`] : [])];
  };
  return [
    ...part('gone', loss.gone),
    ...part('back to older content', loss.older),
    ...part('come back', loss.back),
    ...(loss.sameCluster === true
      ? [`the same cluster: kube-system has one UID in the backup and on ${loss.host}`]
      : []),
    ...(loss.folded > 0 ? [`not listed: ${loss.folded} Events and Leases`] : []),
    ...loss.remarks,
  ];
}
