// The page's own address: filters and the open prediction are in it, so that both can be linked.

/** The prediction that the address names: ?id=134 or #134; null where it names none. */
export function openInAddress() {
  const named = new URLSearchParams(location.search).get("id") ?? location.hash.slice(1);
  return /^[1-9]\d{0,18}$/.test(named) ? named : null;
}

/** The address with one prediction open, or with none. */
export function addressWith(id) {
  const query = new URLSearchParams(location.search);
  query.delete("id");
  if (id !== null) query.set("id", id);
  return location.pathname + (query.size ? `?${query}` : "");
}

/** The filters in the address, by their names. */
export function filtersInAddress() {
  return [...new URLSearchParams(location.search)].filter(([name]) => name !== "id");
}

/** A filtered gallery can be reloaded and sent to somebody. */
export function keepFilters(filters) {
  const query = new URLSearchParams(filters);
  const id = openInAddress();
  if (id !== null) query.set("id", id);
  history.replaceState(history.state, "", location.pathname + (query.size ? `?${query}` : ""));
}
