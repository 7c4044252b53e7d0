/** Calls to the deployed API. */

/** The deployment's key. */
export const KEY = 'k'.repeat(40);

/** A call with the key, as a person would make it. */
export async function ask(url: string, path: string, init: RequestInit = {}): Promise<any> {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
  const response = await fetch(new URL(path, url), { headers, ...init });
  return { status: response.status, body: await response.json() };
}
