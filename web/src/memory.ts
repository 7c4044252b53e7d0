// What this browser remembers of its user. A browser that forbids it gets a page that forgets.
const read = (name: string): string | null => {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
};

const write = (name: string, value: string): void => {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Forgotten with the tab.
  }
};

const USER = "docent.user";
const COLLECTION = "docent.collection";

/** Random hexadecimal digits; also where the page is not served over TLS. */
export function random(bytes: number): string {
  const numbers = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(numbers, (number) => number.toString(16).padStart(2, "0")).join("");
}

/** Whose questions these are: a random name that keeps the histories of two browsers apart. It says nothing of anybody. */
export const user: string = read(USER) ?? `page-${random(16)}`;
write(USER, user);

export const rememberedCollection = (): string | null => read(COLLECTION);
export const rememberCollection = (name: string): void => write(COLLECTION, name);
