# shellcheck shell=bash
# Sourced by the other tools: who may do what.

# The user that the throwaway servers run as: PostgreSQL refuses to be root.
server_user() {
  if [ "$(id -u)" != 0 ]; then
    id -un
  elif getent passwd postgres >/dev/null; then
    echo postgres
  else
    echo nobody
  fi
}

# Run a command as that user, with the environment as it is.
as_server_user() {
  local user
  user=$(server_user)
  if [ "$(id -u)" = 0 ]; then
    HOME=/tmp USER=$user LOGNAME=$user \
      setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- "$@"
  else
    "$@"
  fi
}

# Run a command as root, by sudo if need be.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "need root or sudo for: $*" >&2
    return 1
  fi
}
