{{/* lineal.yaml, the same for all roles: each reads its own part and the addresses of the others. */}}
{{- define "lineal.config" -}}
version: 1
data_dir: /var/lib/lineal
server:
  listen: 0.0.0.0:7400
  health_listen: 0.0.0.0:7401
  drain_seconds: {{ .Values.config.server.drain_seconds }}
peers:
  {{- range splitList " " (include "lineal.roles" .) }}
  {{ . }}: http://{{ include "lineal.fullname" $ }}-{{ . }}:7400
  {{- end }}
{{ omit .Values.config "server" | toYaml }}
{{- end -}}
