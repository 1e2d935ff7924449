output "name" {
  description = "The database's id."
  value       = google_firestore_database.this.name
}

output "resource_name" {
  description = "As IAM conditions name it: projects/<project>/databases/<database>."
  value       = "projects/${var.project_id}/databases/${google_firestore_database.this.name}"
}
