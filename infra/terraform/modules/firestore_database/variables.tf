variable "project_id" {
  type        = string
  description = "The Google Cloud project."
  nullable    = false
}

variable "name" {
  type        = string
  description = "The database's id."
  nullable    = false

  validation {
    condition     = var.name == "(default)" || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.name))
    error_message = "A database id is (default), or 4 to 63 lower-case letters, digits and hyphens."
  }
}

variable "location" {
  type        = string
  description = "A region or multi-region. It can never be changed."
  nullable    = false
}

variable "rules_path" {
  type        = string
  description = "The security rules that are released for this database."
  nullable    = false
}

variable "indexes_path" {
  type        = string
  description = "Indexes, exemptions and TTL, in Firebase's format (firestore.indexes.json). One file for every database: what it says about collections that a database lacks costs nothing."
  nullable    = false
}
