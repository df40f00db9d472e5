import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll } from 'vitest';

/** What the next answers shall be instead of the right ones. */
export interface Faults {
  /** Cut the connection after this many bytes of a body, this many times. */
  dropAfter?: { bytes: number; times: number };
  /** Answer every request so. */
  refuse?: { status: number; code: string; extra?: string; headers?: Record<string, string> };
  /** Answer a range request with the whole object. */
  noRange?: boolean;
}

/** A small S3 of one bucket: ListObjectsV2 in pages, GetObject with Range and If-Match. It checks no signature. */
export class TestS3 {
  readonly objects = new Map<string, { body: Buffer; modified: number; meta: Record<string, string> }>();
  readonly requests: { method: string; url: string; range: string | undefined; authorization: string }[] = [];
  faults: Faults = {};
  pageSize = 1000;
  #server: Server;
  port = 0;

  private constructor(
    readonly bucket: string,
    tls: { key: Buffer; cert: Buffer } | undefined,
  ) {
    const answer = (request: IncomingMessage, response: ServerResponse): void => this.#answer(request, response);
    this.#server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  }

  static async start(bucket = 'k3s-backups', tls?: { key: Buffer; cert: Buffer }): Promise<TestS3> {
    const s3 = new TestS3(bucket, tls);
    await new Promise<void>((resolve) => s3.#server.listen(0, '127.0.0.1', resolve));
    s3.port = (s3.#server.address() as AddressInfo).port;
    afterAll(() => s3.stop());
    return s3;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  put(key: string, body: Buffer, modified = Date.UTC(2026, 10, 22), meta: Record<string, string> = {}): void {
    this.objects.set(key, { body, modified, meta });
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.endpoint);
    const range = request.headers.range;
    this.requests.push({
      method: request.method ?? '',
      url: url.pathname + url.search,
      range,
      authorization: request.headers.authorization ?? '',
    });
    const { refuse } = this.faults;
    if (refuse !== undefined) {
      this.#error(response, refuse.status, refuse.code, refuse.extra, refuse.headers);
      return;
    }
    const [, bucket, ...rest] = decodeURIComponent(url.pathname).split('/');
    if (bucket !== this.bucket) {
      this.#error(response, 404, 'NoSuchBucket');
      return;
    }
    const key = rest.join('/');
    if (key === '') {
      this.#list(url, response);
      return;
    }
    const object = this.objects.get(key);
    if (object === undefined) {
      this.#error(response, 404, 'NoSuchKey');
      return;
    }
    for (const [name, value] of Object.entries(object.meta)) response.setHeader(`x-amz-meta-${name}`, value);
    this.#object(request, response, object.body, range);
  }

  #object(request: IncomingMessage, response: ServerResponse, body: Buffer, range: string | undefined): void {
    const etag = `"${createHash('md5').update(body).digest('hex')}"`;
    const match = request.headers['if-match'];
    if (match !== undefined && match !== etag) {
      this.#error(response, 412, 'PreconditionFailed');
      return;
    }
    const found = this.faults.noRange === true ? null : /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
    const from = Number(found?.[1] ?? 0);
    const to = found?.[2] ? Math.min(Number(found[2]) + 1, body.length) : body.length;
    const part = body.subarray(from, to);
    response.writeHead(found === null ? 200 : 206, {
      etag,
      'content-length': part.length,
      'content-type': 'application/octet-stream',
      ...(found === null ? {} : { 'content-range': `bytes ${from}-${to - 1}/${body.length}` }),
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const drop = this.faults.dropAfter;
    if (drop !== undefined && drop.times > 0 && part.length > drop.bytes) {
      drop.times--;
      response.write(part.subarray(0, drop.bytes), () => setTimeout(() => response.destroy(), 20));
    } else response.end(part);
  }

  #list(url: URL, response: ServerResponse): void {
    const prefix = url.searchParams.get('prefix') ?? '';
    const after = url.searchParams.get('continuation-token') ?? '';
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, this.pageSize);
    const more = keys.length > page.length;
    const contents = page.map((key) => {
      const object = this.objects.get(key);
      const time = new Date(object?.modified ?? 0).toISOString();
      return `<Contents><Key>${key}</Key><LastModified>${time}</LastModified><ETag>&quot;x&quot;</ETag><Size>${object?.body.length ?? 0}</Size></Contents>`;
    });
    const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
    response.writeHead(200, { 'content-type': 'application/xml' });
    response.end(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
    );
  }

  #error(
    response: ServerResponse,
    status: number,
    code: string,
    extra = '',
    headers: Record<string, string> = {},
  ): void {
    response.writeHead(status, { 'content-type': 'application/xml', ...headers });
    response.end(
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code} said the store</Message>${extra}</Error>`,
    );
  }
}
