// Drawn on a grid of 20; they take the colour of the text and say nothing to a screen reader.
const draw = (path: string) => () => (
  <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
    <path d={path} />
  </svg>
);

export const Plus = draw("M10 4v12M4 10h12");
export const Close = draw("M5 5l10 10M15 5L5 15");
export const Menu = draw("M3 6h14M3 10h14M3 14h9");
export const Bin = draw("M4 6h12M8 6V4h4v2M6 6l.7 10h6.6L14 6M8.5 9v4M11.5 9v4");
export const Again = draw("M15.5 8A6 6 0 1 0 16 11M16 4v4h-4");
export const Stop = draw("M6 6h8v8H6z");
export const Book = draw("M10 5.5C8 4 5.5 4 3.5 4.5v11c2-.5 4.5-.5 6.5 1 2-1.5 4.5-1.5 6.5-1v-11C14.5 4 12 4 10 5.5zM10 5.5v11");
export const Left = draw("M12 5l-5 5 5 5");
export const Right = draw("M8 5l5 5-5 5");
export const Down = draw("M5 8l5 5 5-5");
export const Up = draw("M10 16V4M5 9l5-5 5 5");
export const Copy = draw("M7 7V4h9v9h-3M4 7h9v9H4z");
export const Good = draw("M7 9l3-6c1.5 0 2 1 2 2l-.5 3h4c1 0 1.7 1 1.5 2l-1.2 5c-.2.7-.8 1-1.5 1H7M7 9v7H3.5V9z");
export const Bad = draw("M7 11l3 6c1.5 0 2-1 2-2l-.5-3h4c1 0 1.7-1 1.5-2l-1.2-5c-.2-.700-.8-1-1.5-1H7M7 11V4H3.5v7z");
export const Save = draw("M10 4v9M6 9.5l4 4 4-4M4 16h12");
export const Warning = draw("M10 3.5L17 16H3zM10 8v4M10 13.8v.2");
