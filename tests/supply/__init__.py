"""What is installed beside this project: locks with hashes, licences, a bill of materials, known vulnerabilities."""
