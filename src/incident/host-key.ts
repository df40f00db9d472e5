/** A host key that nobody has accepted yet, as a person compares it. */
export interface UnknownKey {
  /** Short name of the host that was to be reached. */
  readonly host: string;
  /** Name known_hosts would have it under: `cp1.example.org`, `[192.0.2.1]:2222`. */
  readonly address: string;
  readonly type: string;
  /** `SHA256:…`, as ssh-keygen prints it. */
  readonly fingerprint: string;
}
