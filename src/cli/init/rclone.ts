import type { DraftBucket } from './draft.js';

/**
 * A bucket from rclone's configuration: `REMOTE:bucket/prefix`. Its keys are not taken over; the inventory gets a command that reads them
 * where they are.
 *
 * @returns the bucket, or why there is none, as a sentence
 */
export function bucketFromRclone(config: string, spec: string, file: string): DraftBucket | string {
  const [, remote = '', path = ''] = /^([^:]+):?(.*)$/.exec(spec) ?? [];
  // The name becomes part of a command.
  if (!/^[\w.+@ -]+$/.test(remote) || !/^[\w./+@ ~-]+$/.test(file)) return `${remote} cannot be the name of a remote.`;
  const [bucket = '', ...rest] = path.split('/').filter((part) => part !== '');
  const section = sectionOf(config, remote);
  if (section === undefined) return `${file} has no remote ${remote}.`;
  if (section.type !== 's3') return `The remote ${remote} is of type ${section.type ?? 'none'}: only s3 is understood.`;
  if (bucket === '') return `Name the bucket as well: --from-rclone ${remote}:BUCKET/PREFIX`;
  const endpoint = section.endpoint ?? 'https://s3.amazonaws.com';
  const ambient = section.env_auth === 'true' || section.access_key_id === undefined;
  const reading = (key: string): string =>
    `command:sed -n '/^\\[${remote.replace(/[.+]/g, '\\$&')}\\]/,/^\\[/s/^${key} *= *//p' '${file}'`;
  return {
    endpoint: /^https?:/.test(endpoint) ? endpoint : `https://${endpoint}`,
    ...(section.region === undefined || section.region === '' ? {} : { region: section.region }),
    bucket,
    ...(rest.length === 0 ? {} : { prefix: `${rest.join('/')}/` }),
    ...(ambient
      ? {}
      : { credentials: { accessKeyId: reading('access_key_id'), secretAccessKey: reading('secret_access_key') } }),
  };
}

function sectionOf(config: string, name: string): Record<string, string> | undefined {
  let found: Record<string, string> | undefined;
  let current = '';
  for (const line of config.split(/\r?\n/)) {
    const head = /^\s*\[(.+)\]\s*$/.exec(line)?.[1];
    if (head !== undefined) current = head;
    if (current !== name) continue;
    found ??= {};
    const [, key, value] = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) found[key] = value;
  }
  return found;
}
