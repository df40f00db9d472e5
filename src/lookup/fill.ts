/** Names of this cluster for the text of an entry. */
export interface Names {
  /** The host whose line it is. */
  readonly server?: string;
  readonly servers?: readonly string[];
  readonly primary?: string;
}

/** A text of an entry with this cluster's names in it; plain words where they are not known. */
export function fillNames(text: string, names: Names = {}): string {
  const servers = names.servers === undefined || names.servers.length === 0 ? 'the servers' : names.servers.join(', ');
  const known: Readonly<Record<string, string>> = {
    server: names.server ?? 'this server',
    servers,
    primary: names.primary ?? 'the primary',
  };
  const filled = text.replace(/\{(server|servers|primary)\}/g, (_, name: string) => known[name] ?? name);
  // A sentence may begin with a name that is only a description.
  return filled.replace(/(^|[.:] )(this server|the servers|the primary)\b/g, (all, before: string, words: string) =>
    before === ': ' ? all : `${before}${words[0]?.toUpperCase()}${words.slice(1)}`,
  );
}
