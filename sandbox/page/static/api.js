// The page's server.

/** Post JSON; the answer, or an Error with the server's sentence. */
export async function post(name, body) {
  const response = await fetch(`/api/${name}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({ error: `The server answered ${response.status}.` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

/** The state, or null where it is still the one of `revision`. */
export async function poll(revision) {
  const response = await fetch(`/api/poll?since=${encodeURIComponent(revision)}`);
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return response.status === 204 ? null : response.json();
}
