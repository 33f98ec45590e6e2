"""Flows that the tests of the checker and the kill campaign share; each command has a repository of its own at the stand-in."""

# Not repeatable and without a check: what is unknown is for a person.
PLAIN = """flow: plain
payload: { type: object, required: [n, title], properties: { n: { type: integer }, title: { type: string } } }
key: "plain/${payload.n}"
steps:
  - id: send
    call: github
    with: { method: POST, path: "/repos/acme/p${payload.n}/pulls", body: { title: "${payload.title}", head: "b", base: main } }
    timeout: 500ms
    retry: { delay: 30ms, limit: { attempts: 3 } }
    undo: { with: { method: PATCH, path: "/repos/acme/p${payload.n}/pulls/${outputs.number}", body: { state: closed } }, repeatable: true, timeout: 500ms, retry: { delay: 50ms, limit: { attempts: 20 } } }
    outputs: { number: "${response.body.number}" }
"""

# Two steps that are undone when the second one is refused; the undos are not repeatable and have checks. The key may be used again.
TWO = """flow: two
payload: { type: object, required: [n, title], properties: { n: { type: integer }, title: { type: string } } }
key: "two/${payload.n}"
key_reuse: { after_end: [rolled_back] }
on_failure: roll_back
steps:
  - id: first
    call: github
    with: { method: POST, path: "/repos/acme/q${payload.n}/pulls", body: { title: "one", head: "a", base: main } }
    timeout: 500ms
    retry: { delay: 30ms, limit: { attempts: 12 } }
    outputs: { number: "${response.body.number}" }
    check: &CHECK
      with: { method: GET, path: "/repos/acme/q${payload.n}/pulls", query: { head: "acme:a", state: open } }
      settle: 1s
      timeout: 500ms
      retry: { delay: 100ms, backoff: constant, limit: { attempts: 60 } }
      inconclusive: type(response.body) != list
      happened: size(response.body) == 1
      contradictory: size(response.body) > 1
      outputs: { number: "${response.body[0].number}" }
    undo:
      with: { method: PATCH, path: "/repos/acme/q${payload.n}/pulls/${outputs.number}", body: { state: closed } }
      timeout: 500ms
      retry: { delay: 50ms, limit: { attempts: 12 } }
      check:
        with: { method: GET, path: "/repos/acme/q${payload.n}/pulls/${outputs.number}" }
        settle: 1s
        timeout: 500ms
        retry: { delay: 100ms, backoff: constant, limit: { attempts: 60 } }
        inconclusive: "!has(response.body.state)"
        happened: response.body.state == 'closed'
  - id: second
    needs: [first]
    call: github
    with: { method: POST, path: "/repos/acme/q${payload.n}/pulls", body: { title: "${payload.title}", head: "b", base: main } }
    timeout: 500ms
    retry: { delay: 30ms, limit: { attempts: 12 } }
    outputs: { number: "${response.body.number}" }
    check:
      with: { method: GET, path: "/repos/acme/q${payload.n}/pulls", query: { head: "acme:b", state: open } }
      settle: 1s
      timeout: 500ms
      retry: { delay: 100ms, backoff: constant, limit: { attempts: 60 } }
      inconclusive: type(response.body) != list
      happened: size(response.body) == 1
      contradictory: size(response.body) > 1
      outputs: { number: "${response.body[0].number}" }
    undo:
      with: { method: PATCH, path: "/repos/acme/q${payload.n}/pulls/${outputs.number}", body: { state: closed } }
      repeatable: true
      timeout: 500ms
      retry: { delay: 50ms, limit: { attempts: 20 } }
""".replace(" &CHECK", "")
