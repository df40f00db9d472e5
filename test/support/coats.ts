/** A secret in every coat that it could wear here. */
export function coatsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // Base64 of a longer text shows the middle of ours in one of three alignments.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  return [secret, bytes.toString('base64'), bytes.toString('hex'), encodeURIComponent(secret), ...base64];
}
